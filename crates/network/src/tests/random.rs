//! Random requests, answered in random order to a reader of random patience: what holds for the order of starts and of
//! responses holds in every run.

use std::collections::BTreeSet;
use std::time::Duration;

use dohle_seams::simulated::SeededRandomness;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::{CLIENTS, GATHERED, SINGLE, Simulation, request, text};

const REQUESTS: usize = 150;

#[derive(Debug)]
struct Planned {
    api_key: i16,
    kind: &'static str,
}

/// Goes through what the service saw. Names are numbers, in the order of sending.
fn check(seed: u64, plan: &[Planned], log: &[String]) {
    let mut next = 0;
    let mut waiting = BTreeSet::new();
    let mut gathered = BTreeSet::new();
    for event in log {
        let (what, names) = event.split_once(' ').unwrap();
        let numbers: Vec<usize> = names.split(',').map(|name| name.parse().unwrap()).collect();
        match what {
            "start" => {
                let number = numbers[0];
                assert_eq!(number, next, "seed {seed}: started out of order");
                next += 1;
                let Planned { api_key, kind } = plan[number];
                if api_key == SINGLE {
                    assert!(waiting.is_empty(), "seed {seed}: {number} overlaps {waiting:?}");
                    assert!(gathered.is_empty(), "seed {seed}: {number} starts before {gathered:?} are finished");
                } else {
                    let barrier = waiting.iter().find(|waiting: &&usize| plan[**waiting].api_key == SINGLE);
                    assert_eq!(barrier, None, "seed {seed}: {number} overlaps");
                    gathered.insert(number);
                }
                if kind == "later" {
                    waiting.insert(number);
                }
            }
            "release" => {
                waiting.remove(&numbers[0]);
            }
            "end" => gathered.retain(|number| !numbers.contains(number)),
            other => panic!("seed {seed}: {other}"),
        }
    }
    assert_eq!(next, plan.len(), "seed {seed}");
    assert!(waiting.is_empty() && gathered.is_empty(), "seed {seed}");
}

async fn run(seed: u64) {
    let random = SeededRandomness::new(seed);
    let pick = |bound: u64| random.next() % bound;
    let plan: Vec<Planned> = (0..REQUESTS)
        .map(|_| Planned {
            api_key: if pick(4) == 0 { SINGLE } else { GATHERED },
            kind: ["now", "later", "none", "yield", "big"][usize::try_from(pick(5)).unwrap()],
        })
        .collect();
    let simulation = Simulation::start(seed);
    let (mut reads, mut writes) = tokio::io::split(simulation.network.connect(CLIENTS).unwrap());

    let sending = async {
        for (number, planned) in plan.iter().enumerate() {
            let request_text = format!("{} {number} {}", planned.kind, 1000 + pick(200_000));
            writes.write_all(&request(planned.api_key, &request_text)).await.unwrap();
            if pick(8) == 0 {
                sleep(Duration::from_micros(pick(3000))).await;
            }
        }
    };
    let releasing = async {
        let mut left = plan.iter().filter(|planned| planned.kind == "later").count();
        while left > 0 {
            sleep(Duration::from_micros(pick(2000))).await;
            let names: Vec<String> = simulation.service.gates.lock().keys().cloned().collect();
            if !names.is_empty() {
                let name = &names[usize::try_from(pick(names.len() as u64)).unwrap()];
                simulation.service.note(format!("release {name}"));
                simulation.service.release(name);
                left -= 1;
            }
        }
    };
    let reading = async {
        for (number, planned) in plan.iter().enumerate().filter(|(_, planned)| planned.kind != "none") {
            if pick(10) == 0 {
                sleep(Duration::from_millis(pick(20))).await;
            }
            let answer = text(&mut reads).await.unwrap();
            let name = number.to_string();
            assert!(answer.starts_with(&name), "seed {seed}: {answer:.20} in place of {name}");
            if planned.kind != "big" {
                assert_eq!(answer, name, "seed {seed}");
            }
        }
    };
    tokio::join!(sending, releasing, reading);
    // What has no response may still be on its way.
    let last = plan.len() - 1;
    simulation.service.saw(&format!("start {last}")).await;
    sleep(Duration::from_millis(20)).await;
    check(seed, &plan, &simulation.service.log());
}

#[tokio::test(start_paused = true)]
async fn order_holds_whatever_comes() {
    for seed in 0..25 {
        run(seed).await;
    }
}
