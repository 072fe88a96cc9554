//! Tests of profiles: whose lines they are, what they hold, and errors that show the line and no value.

use super::{File, find, names};
use proptest::prelude::*;

const CREDENTIALS: &str = "\u{feff}# comment = [x]\n[default]\naws_access_key_id = AKIDDEFAULT ; why\n\
    AWS_SECRET_ACCESS_KEY=de/fa+ult=\n\n[dev]\naws_access_key_id=AKIDDEV\naws_secret_access_key= d#ev \n\
    aws_session_token =tok==\n[half]\naws_secret_access_key = planted\n[odd]\nplanted\n";

#[test]
fn keys_of_the_profile_that_is_asked_for() {
    let keys = |name| {
        let profile = find(CREDENTIALS, File::Credentials, name).unwrap().unwrap();
        let keys = profile.credentials().unwrap().unwrap();
        let token = keys.session_token.map(|token| token.expose().to_owned());
        (keys.access_key, keys.secret_key.expose().to_owned(), token)
    };
    assert_eq!(keys("default"), ("AKIDDEFAULT".into(), "de/fa+ult=".into(), None));
    assert_eq!(keys("dev"), ("AKIDDEV".into(), "d#ev".into(), Some("tok==".into())));
    assert!(find(CREDENTIALS, File::Credentials, "prod").unwrap().is_none());
    assert_eq!(names(CREDENTIALS, File::Credentials), ["default", "dev", "half", "odd"]);
}

#[test]
fn what_is_wrong_is_told_by_its_line_and_never_shown() {
    let half = find(CREDENTIALS, File::Credentials, "half").unwrap().unwrap().credentials().unwrap_err();
    assert_eq!(half.to_string(), "line 11: the profile has aws_secret_access_key but no aws_access_key_id");
    let odd = find(CREDENTIALS, File::Credentials, "odd").unwrap_err();
    assert_eq!(odd.to_string(), "line 13: this is no `name = value`");
    let open = find("[default\nregion = x\n", File::Config, "default").unwrap_err();
    assert_eq!(open.to_string(), "line 1: the section's `[` is not closed");
}

#[test]
fn sections_of_the_config_file_have_a_word_before_their_name() {
    let text = "[default]\nregion = us-east-1\n[profile dev]\nregion = eu-west-1\ns3 =\n  region = eu-south-1\n\
        [dev]\nregion = wrong\n[sso-session dev]\nregion = wrong\n[profile 'a b']\nrole_arn = arn\n\
        credential_process = x\n[profiles x]\nregion = wrong\n[profile dev]\nregion = eu-west-2 # later\n";
    let profile = |name| find(text, File::Config, name).unwrap();
    assert_eq!(profile("default").unwrap().region.as_deref(), Some("us-east-1"));
    assert_eq!(profile("dev").unwrap().region.as_deref(), Some("eu-west-2"));
    assert_eq!(profile("a b").unwrap().other_way, Some(("role_arn", 12)));
    assert!(profile("x").is_none() && profile("sso-session dev").is_none());
    assert_eq!(names(text, File::Config), ["default", "dev", "a b"]);
}

#[test]
fn the_default_profile_with_the_word_counts_more() {
    for text in [
        "[default]\nregion = a\n[profile default]\nregion = b\n",
        "[profile default]\nregion = b\n[default]\nregion = a\n",
    ] {
        let profile = find(text, File::Config, "default").unwrap().unwrap();
        assert_eq!(profile.region.as_deref(), Some("b"));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(lines in proptest::collection::vec("[\\[\\]#;= \u{e9}a-d'\"\t]{0,9}", 0..9)) {
        let text = lines.join("\n").replace('d', "default").replace('c', "profile ");
        for file in [File::Credentials, File::Config] {
            names(&text, file);
            if let Err(error) = find(&text, file, "default") {
                prop_assert!(error.line <= lines.len());
            }
        }
    }
}
