//! DescribeClientQuotas (API key 48): the quotas of users, clients and addresses (KIP-546). None can be stored so far, so
//! there is none to find; filters are checked all the same.

use std::collections::BTreeSet;

use dohle_protocol::messages::describe_client_quotas_request::ComponentData;
use dohle_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use dohle_protocol::{ApiKey, ErrorCode, VersionRange};

use super::{Answer, RequestContext};

/// The API served here.
pub(crate) const KEY: ApiKey = ApiKey::DescribeClientQuotas;
/// Versions served.
pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 1);

const USER: &str = "user";
const CLIENT_ID: &str = "client-id";
const IP: &str = "ip";

const MATCH_EXACT: i8 = 0;
const MATCH_DEFAULT: i8 = 1;
const MATCH_ANY: i8 = 2;

/// Answers with no entry, or with what is wrong with the filter.
pub(crate) async fn handle(
    _context: &RequestContext<'_>,
    request: DescribeClientQuotasRequest,
) -> Answer<DescribeClientQuotasResponse> {
    Answer::Now(match check_filter(&request.components) {
        Ok(()) => DescribeClientQuotasResponse { entries: Some(Vec::new()), ..Default::default() },
        Err((error, message)) => DescribeClientQuotasResponse {
            error_code: error.code(),
            error_message: Some(message),
            entries: None,
            ..Default::default()
        },
    })
}

/// Checks a filter in Kafka's order, component by component.
fn check_filter(components: &[ComponentData]) -> Result<(), (ErrorCode, String)> {
    let invalid = |message: String| Err((ErrorCode::InvalidRequest, message));
    let mut kinds = BTreeSet::new();
    for component in components {
        let kind = component.entity_type.as_str();
        if kind.is_empty() {
            return invalid("Invalid empty entity type.".to_owned());
        }
        if kinds.contains(kind) {
            return invalid(format!("Entity type {kind} cannot appear more than once in the filter."));
        }
        if ![USER, CLIENT_ID, IP].contains(&kind) {
            return Err((ErrorCode::UnsupportedVersion, format!("Unsupported entity type {kind}")));
        }
        let unwanted_name = |name| invalid(format!("Request specified {name}, but also specified a match string."));
        match (component.match_type, &component.r#match) {
            (MATCH_EXACT, None) => {
                return invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.".to_owned());
            }
            (MATCH_DEFAULT, Some(_)) => return unwanted_name("MATCH_TYPE_DEFAULT"),
            (MATCH_ANY, Some(_)) => return unwanted_name("MATCH_TYPE_SPECIFIED"),
            (MATCH_EXACT | MATCH_DEFAULT | MATCH_ANY, _) => {}
            (other, _) => return invalid(format!("Unknown match type {other}")),
        }
        kinds.insert(kind);
    }
    if kinds.contains(IP) && kinds.len() > 1 {
        return invalid(
            "Invalid entity filter component combination. IP filter component should not be used with user or clientId \
             filter component."
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(entity_type: &str, match_type: i8, name: Option<&str>) -> ComponentData {
        ComponentData { entity_type: entity_type.to_owned(), match_type, r#match: name.map(str::to_owned) }
    }

    #[test]
    fn filters_that_are_fine() {
        for components in [
            vec![],
            vec![component(USER, MATCH_ANY, None), component(CLIENT_ID, MATCH_DEFAULT, None)],
            vec![component(IP, MATCH_EXACT, Some("1.2.3.4"))],
            vec![component(USER, MATCH_EXACT, Some(""))],
        ] {
            assert_eq!(check_filter(&components), Ok(()));
        }
    }

    /// Codes and messages are those of Kafka 4.3.1.
    #[test]
    fn filters_that_are_not() {
        let name = Some("x");
        for (components, message) in [
            (vec![component("", MATCH_ANY, None)], "Invalid empty entity type."),
            (
                vec![component(USER, MATCH_EXACT, name), component(USER, MATCH_DEFAULT, None)],
                "Entity type user cannot appear more than once in the filter.",
            ),
            (
                vec![component(USER, MATCH_EXACT, None)],
                "Request specified MATCH_TYPE_EXACT, but set match string to null.",
            ),
            (
                vec![component(USER, MATCH_DEFAULT, name)],
                "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.",
            ),
            (
                vec![component(USER, MATCH_ANY, name)],
                "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.",
            ),
            (vec![component(USER, 3, name)], "Unknown match type 3"),
            (
                vec![component(IP, MATCH_ANY, None), component(CLIENT_ID, MATCH_ANY, None)],
                "Invalid entity filter component combination. IP filter component should not be used with user or \
                 clientId filter component.",
            ),
        ] {
            assert_eq!(check_filter(&components), Err((ErrorCode::InvalidRequest, message.to_owned())));
        }
        let unknown = check_filter(&[component("group", MATCH_ANY, name)]);
        assert_eq!(unknown, Err((ErrorCode::UnsupportedVersion, "Unsupported entity type group".to_owned())));
    }
}
