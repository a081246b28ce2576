//! AlterUserScramCredentials (API key 51): nobody has credentials to delete, and none are taken, because no listener
//! would ask for them.

use std::collections::BTreeMap;

use dohle_protocol::messages::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use dohle_protocol::messages::{AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::AlterUserScramCredentials;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 0);

/// Mechanisms by Kafka's number, and how often each must hash at least.
const MECHANISMS: [(i8, i32); 2] = [(1, 4096), (2, 4096)];
const ITERATIONS_MAX: i32 = 16_384;

type Refusal = (ErrorCode, &'static str);

/// Changes nothing, and says why, user by user.
pub(crate) async fn handle(
    _context: &RequestContext<'_>,
    request: AlterUserScramCredentialsRequest,
) -> Answer<AlterUserScramCredentialsResponse> {
    let results = refuse(&request).into_iter().map(|(user, (error, message))| AlterUserScramCredentialsResult {
        user: user.to_owned(),
        error_code: error.code(),
        error_message: Some(message.to_owned()),
    });
    Answer::Now(AlterUserScramCredentialsResponse { results: results.collect(), ..Default::default() })
}

/// What is wrong with each user's changes, in Kafka's order: the deletions first, and of a user the first that is wrong.
/// Changes with which nothing is wrong are not supported.
fn refuse(request: &AlterUserScramCredentialsRequest) -> BTreeMap<&str, Refusal> {
    let mut refusals: BTreeMap<&str, Refusal> = BTreeMap::new();
    for deletion in &request.deletions {
        let nothing_to_delete =
            (ErrorCode::ResourceNotFound, "Attempt to delete a user credential that does not exist");
        let refusal = check(&deletion.name, deletion.mechanism).err().unwrap_or(nothing_to_delete);
        refusals.entry(&deletion.name).or_insert(refusal);
    }
    let unsupported =
        (ErrorCode::UnsupportedVersion, "SCRAM credentials are not supported by this broker: no listener uses them.");
    let mut upserted: BTreeMap<&str, Refusal> = BTreeMap::new();
    for upsertion in request.upsertions.iter().filter(|upsertion| !refusals.contains_key(upsertion.name.as_str())) {
        let of_user = upserted.entry(&upsertion.name);
        of_user
            .and_modify(|refusal| {
                if *refusal == unsupported {
                    let message = "A user credential cannot be altered twice in the same request";
                    *refusal = (ErrorCode::DuplicateResource, message);
                }
            })
            .or_insert_with(|| {
                let checked = check(&upsertion.name, upsertion.mechanism);
                let checked = checked.and_then(|iterations_min| check_iterations(upsertion.iterations, iterations_min));
                checked.err().unwrap_or(unsupported)
            });
    }
    refusals.extend(upserted);
    refusals
}

/// Checks a name and a mechanism, and gives how often the mechanism must hash at least.
fn check(user: &str, mechanism: i8) -> Result<i32, Refusal> {
    if user.is_empty() {
        return Err((ErrorCode::UnacceptableCredential, "Username must not be empty"));
    }
    let known = MECHANISMS.iter().find(|(number, _)| *number == mechanism);
    known.map(|(_, least)| *least).ok_or((ErrorCode::UnsupportedSaslMechanism, "Unknown SCRAM mechanism"))
}

fn check_iterations(iterations: i32, least: i32) -> Result<(), Refusal> {
    if iterations < least {
        return Err((ErrorCode::UnacceptableCredential, "Too few iterations"));
    }
    if iterations > ITERATIONS_MAX {
        return Err((ErrorCode::UnacceptableCredential, "Too many iterations"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use dohle_protocol::messages::alter_user_scram_credentials_request::{
        ScramCredentialDeletion, ScramCredentialUpsertion,
    };

    use super::*;

    /// Name and mechanism of deletions; name, mechanism and iterations of upsertions.
    fn check_request(deletions: &[(&str, i8)], upsertions: &[(&str, i8, i32)], expected: &[(&str, ErrorCode, &str)]) {
        let deletions = deletions.iter();
        let upsertions = upsertions.iter();
        let request = AlterUserScramCredentialsRequest {
            deletions: deletions
                .map(|(name, mechanism)| ScramCredentialDeletion { name: (*name).to_owned(), mechanism: *mechanism })
                .collect(),
            upsertions: upsertions
                .map(|(name, mechanism, iterations)| ScramCredentialUpsertion {
                    name: (*name).to_owned(),
                    mechanism: *mechanism,
                    iterations: *iterations,
                    ..Default::default()
                })
                .collect(),
        };
        let found: Vec<_> =
            refuse(&request).into_iter().map(|(user, (error, message))| (user, error, message)).collect();
        assert_eq!(found, expected);
    }

    /// Codes, messages and their order are those of Kafka 4.3.1, but for what is not supported.
    #[test]
    fn what_is_wrong_is_said_as_kafka_says_it() {
        let missing = "Attempt to delete a user credential that does not exist";
        let not_found = ErrorCode::ResourceNotFound;
        let unacceptable = ErrorCode::UnacceptableCredential;
        check_request(&[], &[], &[]);
        check_request(&[("x", 1), ("x", 2)], &[("x", 1, 1)], &[("x", not_found, missing)]);
        check_request(
            &[("x", 0), ("", 1)],
            &[],
            &[
                ("", unacceptable, "Username must not be empty"),
                ("x", ErrorCode::UnsupportedSaslMechanism, "Unknown SCRAM mechanism"),
            ],
        );
        check_request(
            &[],
            &[("few", 1, 4095), ("many", 2, 16_385), ("", 1, 5000), ("z", 9, 5000)],
            &[
                ("", unacceptable, "Username must not be empty"),
                ("few", unacceptable, "Too few iterations"),
                ("many", unacceptable, "Too many iterations"),
                ("z", ErrorCode::UnsupportedSaslMechanism, "Unknown SCRAM mechanism"),
            ],
        );
        let twice = "A user credential cannot be altered twice in the same request";
        check_request(&[], &[("x", 1, 5000), ("x", 2, 5000)], &[("x", ErrorCode::DuplicateResource, twice)]);
    }

    #[test]
    fn what_is_right_is_not_supported() {
        let message = "SCRAM credentials are not supported by this broker: no listener uses them.";
        let unsupported = ErrorCode::UnsupportedVersion;
        check_request(
            &[],
            &[("x", 1, 4096), ("y", 2, 16_384)],
            &[("x", unsupported, message), ("y", unsupported, message)],
        );
    }
}
