// What the drivers of all libraries share: the arguments they are called with. They are described in
// integration-tests/README.md.

/** What a scenario is played with. */
class Play {
  #parameters = new Map()

  constructor ([bootstrap, topic, group, ...parameters]) {
    /** Where the broker is: `host:port`. */
    this.bootstrap = bootstrap
    /** The topic to use. */
    this.topic = topic
    /** The group to be in. */
    this.group = group
    for (const parameter of parameters) {
      const equals = parameter.indexOf('=')
      this.#parameters.set(parameter.slice(0, equals), parameter.slice(equals + 1))
    }
  }

  /** The value of a parameter, undefined if it is not given. */
  parameter (name) {
    return this.#parameters.get(name)
  }

  /** The value of a parameter that must be given. */
  text (name) {
    const value = this.#parameters.get(name)
    if (value === undefined) throw new Error(`parameter ${name} is missing`)
    return value
  }

  /** The value of a parameter that is a number. */
  number (name) {
    return Number.parseInt(this.text(name))
  }
}

/** Plays the scenario that the program was called with, and ends the program. */
export async function main (scenarios) {
  const [scenario, ...rest] = process.argv.slice(2)
  if (rest.length < 3) throw new Error('arguments: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]')
  if (!Object.hasOwn(scenarios, scenario)) throw new Error(`unknown scenario ${scenario}`)
  await scenarios[scenario](new Play(rest))
  // A timer or a connection that is left must not hide that the scenario is over.
  process.exit(0)
}

/** A promise that is kept when standard input ends: then the program is to end its work in order. */
export function toldToEnd () {
  return new Promise(resolve => {
    process.stdin.on('end', resolve).on('error', resolve).resume()
  })
}

/**
 * Asks until the answer is the expected one: another node, or the same one, may know later of what was changed. After ten
 * seconds the last answer is taken as it is; an error is taken at once.
 */
export async function askUntil (expected, ask) {
  const end = performance.now() + 10_000
  for (;;) {
    const answer = await ask()
    if (answer === expected || performance.now() > end) return answer
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
