//! A configuration that changes under a running `offhook serve`: what is taken over, and that nothing is disturbed.

use std::time::{Duration, Instant};

use super::Place;
use crate::world::{APP_SECRET, Mood, Target, Traffic, exported, marks};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_configuration_is_taken_over_without_disturbing_a_request() {
    let (place, target) = (Place::new(), Target::listens(Mood::Good));
    let mut serving = place.serves("");
    let traffic = Traffic::starts(&place.yunxin(), 0, 4);
    traffic.gets(50).await;
    let another = place.yunxin().signing("another-app", "another-made-up-secret");
    another.sends("call.start").await.is_refused(401, "app_unknown");

    let app = "[[apps]]\napp_key = \"another-app\"\nsecrets = [\"another-made-up-secret\"]\n";
    let handler = format!("[[handlers]]\nname = \"new\"\ntype = \"http\"\nurl = \"{}\"\n", target.url());
    place.configuration(&format!("{app}{handler}"));
    serving.is_asked_to_reload();
    let deadline = Instant::now() + Duration::from_secs(60);
    while another.sends("call.start").await.status != 200 {
        assert!(Instant::now() < deadline, "the new app is not known:\n{}", serving.said());
    }
    traffic.gets(traffic.count() + 50).await;
    target.until(|accepted| !accepted.is_empty()).await;

    // A bad file changes nothing, and is told of.
    place.configuration("[[apps]]\napp_key = \"changeme\"\nsecrets = []\n");
    serving.is_asked_to_reload();
    serving.says("apps[1].app_key");
    another.sends("call.start").await.is_allowed();
    traffic.gets(traffic.count() + 50).await;
    let answered = traffic.stops().await;
    serving.is_asked_to_stop();
    let (status, said) = serving.ends();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("another-made-up-secret"), "{said}");
    let kept = marks(&exported(&place.journal()));
    assert!(answered.iter().all(|mark| kept.contains(mark)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_list_is_taken_over_by_itself_and_a_counter_goes_on_counting() {
    let place = Place::new();
    let list = place.file("blocked.txt", "nobody\n");
    let rules = format!(
        "[[deciders]]\ntype = \"rules\"\nlists.blocked = {{ file = \"{}\" }}\n\
         [[deciders.rules]]\nname = \"blocked\"\nwhen = 'data.fromAccount in lists.blocked'\nreject = {{ code = 20020 }}\n\
         [[deciders.rules]]\nname = \"rate\"\nwhen = 'calls_by(data.callType, \"1h\") > 2'\nreject = {{ code = 20040 }}\n",
        list.display()
    );
    let mut serving = place.serves(&rules);
    let yunxin = place.yunxin();
    let call = |who: &str, number: u32| {
        format!(r#"{{"eventType":20,"fromAccount":"{who}","callType":1,"timestamp":{number}}}"#)
    };
    yunxin.sends_body(call("mei", 1)).await.is_allowed();
    yunxin.sends_body(call("mei", 2)).await.is_allowed();
    yunxin.sends_body(call("mei", 3)).await.is_rejected_with(20040);

    place.file("blocked.txt", "mei\nan\n");
    serving.says("reloaded");
    yunxin.sends_body(call("mei", 4)).await.is_rejected_with(20020);
    yunxin.sends_body(call("bo", 5)).await.is_rejected_with(20040);

    std::fs::remove_file(&list).unwrap();
    serving.says("deciders[0].lists.blocked.file");
    yunxin.sends_body(call("an", 6)).await.is_rejected_with(20020);
    serving.is_asked_to_stop();
    assert_eq!(serving.ends().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_changes_in_its_file_is_taken_over_by_itself() {
    let place = Place::new();
    let secret = place.file("secret", "the-first-secret\n");
    let app = format!("[[apps]]\napp_key = \"rotating\"\nsecrets = [{{ file = \"{}\" }}]\n", secret.display());
    let mut serving = place.serves(&app);
    let (old, new) =
        ["the-first-secret", "the-second-secret"].map(|secret| place.yunxin().signing("rotating", secret)).into();
    old.sends("call.start").await.is_allowed();
    new.sends("call.start").await.is_refused(401, "check_sum_mismatch");

    place.file("secret", "the-second-secret\n");
    serving.says("reloaded");
    new.sends("call.start").await.is_allowed();
    old.sends("call.start").await.is_refused(401, "check_sum_mismatch");

    // One that is gone for a moment, as while it is replaced, changes nothing.
    std::fs::remove_file(&secret).unwrap();
    serving.says("apps[1].secrets[0].file");
    new.sends("call.start").await.is_allowed();
    serving.is_asked_to_stop();
    let (status, said) = serving.ends();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("-secret\n") && !said.contains(APP_SECRET), "{said}");
}
