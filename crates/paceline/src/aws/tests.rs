//! The chain over real files and real services on this machine.

use super::{ChainError, CredentialChain, Env, Held, Loaded, Source, Taken};
use paceline_types::secret::Secret;
use paceline_types::time::Timestamp;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

static FOLDERS: AtomicUsize = AtomicUsize::new(0);

/// A home folder of its own, gone afterwards, and an environment that has nothing else.
struct Home {
    folder: PathBuf,
    variables: HashMap<String, String>,
}

impl Home {
    fn new() -> Self {
        let nth = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("paceline-aws-{}-{nth}", std::process::id()));
        std::fs::create_dir_all(folder.join(".aws")).unwrap();
        let variables = HashMap::from([
            ("HOME".to_owned(), folder.display().to_string()),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ]);
        Self { folder, variables }
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.join(name), text).unwrap();
        self
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn chain(&self) -> CredentialChain {
        self.chain_of(None)
    }

    fn chain_of(&self, profile: Option<&str>) -> CredentialChain {
        let variables = self.variables.clone();
        let env: Env = Arc::new(move |name: &str| variables.get(name).cloned());
        CredentialChain::new(env, profile.map(str::to_owned))
    }

    async fn load(&self) -> Result<Loaded, ChainError> {
        self.chain().load(now()).await
    }

    /// The words of a failure, which must not hold what tests plant as secrets.
    async fn told(&self) -> String {
        let error = self.load().await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("planted"), "{error}");
        error.to_string().replace(&self.folder.display().to_string(), "~")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-27T08:00:00Z").unwrap()
}

fn found(loaded: &Loaded) -> (Source, &str, &str, Option<&str>) {
    let keys = &loaded.credentials;
    let token = keys.session_token.as_ref().map(Secret::expose);
    (loaded.source, keys.access_key.as_str(), keys.secret_key.expose(), token)
}

/// A service: answers by the request's line, each connection once; keeps what it was asked.
struct Service {
    address: SocketAddr,
    answers: Arc<Mutex<Vec<(String, String)>>>,
    seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Service {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, seen) =
            (Arc::<Mutex<Vec<(String, String)>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (known, book) = (Arc::clone(&answers), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
                }
                let request = String::from_utf8(request).unwrap();
                let answer =
                    known.lock().unwrap().iter().find(|(line, _)| request.starts_with(line)).cloned();
                let answer = answer.map_or("404 Not Found\r\n\r\n".to_owned(), |(_, answer)| answer);
                book.lock().unwrap().push(request);
                let (status, body) = answer.split_once("\r\n\r\n").unwrap();
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        Self { address, answers, seen, task }
    }

    /// From now on `line` (method and path) gets this; what is said later counts.
    fn says(&self, line: &str, status: &str, body: &str) {
        let answer = (format!("{line} HTTP/1.1\r\n"), format!("{status}\r\n\r\n{body}"));
        self.answers.lock().unwrap().insert(0, answer);
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn document(key: &str, end: &str) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{key}","SecretAccessKey":"planted","Token":"tok","Expiration":"{end}"}}"#
    )
}

#[tokio::test]
async fn the_environment_comes_first() {
    let home = Home::new()
        .file(".aws/credentials", "[default]\naws_access_key_id=file\naws_secret_access_key=s\n")
        .set("AWS_ACCESS_KEY_ID", "env")
        .set("AWS_SECRET_ACCESS_KEY", "planted\n");
    assert_eq!(found(&home.load().await.unwrap()), (Source::Environment, "env", "planted", None));
    let home = home.set("AWS_SESSION_TOKEN", "tok");
    assert_eq!(found(&home.load().await.unwrap()).3, Some("tok"));
    let home = home.set("AWS_ACCESS_KEY_ID", " ");
    let told = "AWS credentials (environment): AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not; set both or neither";
    assert_eq!(home.told().await, told);
}

#[tokio::test]
async fn profiles_of_the_shared_files() {
    let home = Home::new()
        .file(".aws/credentials", "[default]\naws_access_key_id=d\naws_secret_access_key=planted\n")
        .file(
            ".aws/config",
            "[profile dev]\naws_access_key_id=v\naws_secret_access_key=planted\naws_session_token=tok\n[profile sso]\n\
             sso_session = x\n[profile half]\naws_access_key_id=h\n[profile empty]\nregion=eu-west-1\n",
        );
    assert_eq!(found(&home.load().await.unwrap()), (Source::Profile, "d", "planted", None));
    let chosen = home.chain_of(Some("dev")).load(now()).await.unwrap();
    assert_eq!(found(&chosen), (Source::Profile, "v", "planted", Some("tok")));
    let home = home.set("AWS_PROFILE", "dev");
    assert_eq!(home.load().await.unwrap(), chosen);
    for (name, words) in [
        ("sso", "~/.aws/config, line 6: the profile `sso` gets its credentials by `sso_session`"),
        ("half", "~/.aws/config, line 8: the profile has aws_access_key_id but no aws_secret_access_key"),
        ("empty", "the profile `empty` has no aws_access_key_id in ~/.aws/credentials or ~/.aws/config"),
        (
            "none",
            "no profile `none`: ~/.aws/credentials has default; ~/.aws/config has dev, sso, half, empty; it is named by AWS_PROFILE",
        ),
    ] {
        let told = Home::new()
            .set("AWS_PROFILE", name)
            .file(".aws/credentials", &std::fs::read_to_string(home.folder.join(".aws/credentials")).unwrap())
            .file(".aws/config", &std::fs::read_to_string(home.folder.join(".aws/config")).unwrap())
            .told()
            .await;
        assert!(told.starts_with("AWS credentials (profile): ") && told.contains(words), "{told}");
    }
}

#[tokio::test]
async fn the_shared_files_may_be_elsewhere() {
    let home = Home::new()
        .file("keys", "[default]\naws_access_key_id=k\naws_secret_access_key=s\n")
        .file("settings", "[default]\nregion=eu-north-1\ncredential_process=x\n")
        .set("AWS_SHARED_CREDENTIALS_FILE", "~/keys")
        .set("AWS_CONFIG_FILE", "~/settings");
    assert_eq!(found(&home.load().await.unwrap()).1, "k");
    assert_eq!(home.chain().region(None).unwrap().name, "eu-north-1");
    let home = home.set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    assert!(
        home.told()
            .await
            .contains("settings, line 3: the profile `default` gets its credentials by `credential_process`")
    );
    let home = home.file("keys", "[default]\nplanted\n").set("AWS_SHARED_CREDENTIALS_FILE", "~/keys");
    assert!(home.told().await.contains("~/keys, line 2: this is no `name = value`"));
    let home = home.set("AWS_SHARED_CREDENTIALS_FILE", "~/.aws");
    assert!(home.told().await.contains("~/.aws, which cannot be read"));
}

#[tokio::test]
async fn a_container_gives_credentials_that_end() {
    let service = Service::new().await;
    service.says("GET /c", "200 OK", &document("con", "2026-11-27T14:00:00Z"));
    let home = Home::new()
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/c"))
        .set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc");
    let loaded = home.load().await.unwrap();
    assert_eq!(found(&loaded), (Source::Container, "con", "planted", Some("tok")));
    assert_eq!(loaded.expires_s, Some(now().seconds() + 6 * 3600));
    assert!(service.seen()[0].contains("\r\nauthorization: Basic abc\r\n"));
    // The file counts more, and is read each time.
    let file = home.folder.join("token");
    let home = home.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file.display().to_string());
    assert!(home.told().await.contains("token, which cannot be read"));
    for token in ["one\n", "two\n"] {
        std::fs::write(&file, token).unwrap();
        home.load().await.unwrap();
        assert!(service.seen()[0].contains(&format!("\r\nauthorization: {}\r\n", token.trim())));
    }
    std::fs::write(&file, "planted\r\nx: y").unwrap();
    assert!(
        home.told().await.contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: the token is empty or more than")
    );
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_container_that_gives_nothing_stops_the_search() {
    let service = Service::new().await;
    let home = Home::new().set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/c"));
    for (status, body, words) in [
        (
            "403 Forbidden",
            r#"{"code":"AccessDenied","message":"no"}"#,
            "status 403; it says AccessDenied: no",
        ),
        ("500 Oops", "<planted>", "status 500"),
        ("200 OK", "<planted>", "no JSON object of credentials (line 1, column 1)"),
        ("200 OK", r#"{"AccessKeyId":"a","SecretAccessKey":"planted"}"#, ""),
        (
            "200 OK",
            &document("a", "2026-11-27T08:00:00Z"),
            "ended at 2026-11-27T08:00:00.000Z; is this machine's",
        ),
    ] {
        service.says("GET /c", status, body);
        if words.is_empty() {
            assert_eq!(home.load().await.unwrap().expires_s, None);
            continue;
        }
        let told = home.told().await;
        assert!(told.starts_with("AWS credentials (container): ") && told.contains(words), "{told}");
    }
}

#[tokio::test]
async fn an_instance_is_asked_for_a_token_then_its_role_then_credentials() {
    let service = Service::new().await;
    let roles = "/latest/meta-data/iam/security-credentials/";
    let home = Home::new()
        .set("AWS_EC2_METADATA_DISABLED", "false")
        .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &service.url("/"));
    assert!(home.told().await.contains("asked for a token, it answers with status 404"));
    service.says("PUT /latest/api/token", "200 OK", "t0k");
    assert!(home.told().await.contains("this instance has no role"));
    service.says(&format!("GET {roles}"), "200 OK", "a b");
    assert!(home.told().await.contains("what it names is no role"));
    service.says(&format!("GET {roles}"), "200 OK", "app-role\n");
    let refused = r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}"#;
    service.says(&format!("GET {roles}app-role"), "200 OK", refused);
    let told = home.told().await;
    assert!(
        told.contains("role `app-role`: it says AssumeRoleUnauthorizedAccess: EC2 cannot assume"),
        "{told}"
    );
    service.says(&format!("GET {roles}app-role"), "200 OK", &document("ec2", "2026-11-27T14:00:00Z"));
    service.seen();
    let loaded = home.load().await.unwrap();
    assert_eq!(found(&loaded), (Source::Instance, "ec2", "planted", Some("tok")));
    let seen = service.seen();
    assert!(
        seen[0].starts_with("PUT ") && seen[0].contains("\r\nx-aws-ec2-metadata-token-ttl-seconds: 300\r\n")
    );
    assert!(seen[1..].iter().all(|request| request.contains("\r\nx-aws-ec2-metadata-token: t0k\r\n")));
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn credentials_are_renewed_and_kept_while_the_service_is_away() {
    let service = Service::new().await;
    service.says("GET /c", "200 OK", &document("one", "2026-11-27T08:10:00Z"));
    let home = Home::new().set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/c"));
    let chain = home.chain();
    let mut held = Held::new(chain.load(now()).await.unwrap(), now());
    assert_eq!(held.due_in(now()).unwrap().as_secs(), 300);
    let later = |seconds: i64| Timestamp(now().0 + seconds * 1_000_000);
    service.says("GET /c", "500 Oops", "");
    assert!(matches!(held.take(chain.load(later(300)).await, later(300)), Taken::Kept(_)));
    service.says("GET /c", "200 OK", &document("two", "2026-11-27T09:00:00Z"));
    assert_eq!(held.take(chain.load(later(310)).await, later(310)), Taken::Renewed);
    assert_eq!(held.loaded().credentials.access_key, "two");
}

#[tokio::test]
async fn where_nothing_is_found_every_place_is_told() {
    let unused = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let home = Home::new()
        .set("AWS_EC2_METADATA_DISABLED", "false")
        .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{unused}"));
    let told = home.told().await;
    for words in [
        "no AWS credentials were found: environment: AWS_ACCESS_KEY_ID is not set; profile: no profile `default`: \
         ~/.aws/credentials is not there; ~/.aws/config is not there; container: neither",
        "; instance metadata: http://127.0.0.1:",
        "(this is no EC2 instance, or a container behind a hop limit of 1). Set AWS_ACCESS_KEY_ID and",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let home = home.set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
    assert!(
        home.told()
            .await
            .starts_with("AWS credentials (web identity): AWS_WEB_IDENTITY_TOKEN_FILE is set, but")
    );
}

#[test]
fn the_region_is_that_of_the_nearest_place() {
    let region = |home: &Home, setting| home.chain().region(setting).map(|region| (region.name, region.from));
    let home = Home::new();
    assert!(region(&home, None).unwrap_err().starts_with("no AWS region: set `region`, AWS_REGION"));
    let home = home.file(".aws/config", "[default]\nregion = eu-west-1\n");
    let (name, from) = region(&home, None).unwrap();
    assert!(name == "eu-west-1" && from.ends_with("/.aws/config, profile `default`"), "{from}");
    let home = home.set("AWS_DEFAULT_REGION", "eu-west-2");
    assert_eq!(region(&home, None), Ok(("eu-west-2".into(), "AWS_DEFAULT_REGION".into())));
    let home = home.set("AWS_REGION", "eu-west-3 ");
    assert_eq!(region(&home, None), Ok(("eu-west-3".into(), "AWS_REGION".into())));
    assert_eq!(region(&home, Some("us-east-1")), Ok(("us-east-1".into(), "the setting".into())));
    for bad in ["EU-West-3", "a.example.com/", "", "eu west"] {
        assert!(region(&home, Some(bad)).is_err_and(|told| told.contains("the setting: ")), "{bad}");
    }
    let home = Home::new().set("AWS_PROFILE", "dev");
    assert!(region(&home, None).is_err_and(|told| told.contains("no profile `dev`")));
}
