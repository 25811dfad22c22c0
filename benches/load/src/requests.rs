//! Signed callbacks, made before the clock starts.
//!
//! A request is one template with three places filled in, so that sending costs the client next to nothing on the cores it
//! shares with the server, and the same requests can be sent to each server of a pair.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use md5::Md5;
use sha1::{Digest, Sha1};

/// The app that offhook is configured with here.
pub(crate) const APP_KEY: &str = "5f0c1e7a9b3d4c62a8e0f1b2c3d4e5f6";
/// Its secret.
pub(crate) const APP_SECRET: &str = "9c41d7e0b25a";

/// The documented call callback, 331 bytes; its `timestamp` counts, so that no two requests are the same.
const BODY: &str = r#"{"callType":2,"eventType":20,"forceKeepCalling":true,"fromAccount":"rss02","fromClientIp":"240e:e8:f012:6fc1:ec15:1366:3ccb:2f18","fromClientPort":"50867","fromClientType":"IOS","fromDeviceId":"727EDBAF-AF84-42AE-9E09-EE586CCBCF2D","notifyAttach":"音视频请求扩展信息","timestamp":"1573459861008","toAccountList":["rss01"]}"#;
const FIRST: u64 = 1_573_459_861_008;
const ZEROS: &str = "0000000000000000000000000000000000000000";

type Sealed = [u8; 32 + 40];

/// Requests that were never sent before.
pub(crate) struct Requests {
    template: Vec<u8>,
    number: Range<usize>,
    md5: Range<usize>,
    check_sum: Range<usize>,
    first: u64,
    seals: Vec<Sealed>,
}

impl Requests {
    /// Signs `count` requests as of now. `first` is the running number of the first one: each number is used once.
    pub(crate) fn sign(first: u64, count: usize) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
        let template = format!(
            "POST /receiveMsg.action HTTP/1.1\r\nHost: 127.0.0.1\r\nAppKey: {APP_KEY}\r\nCurTime: {now}\r\n\
             MD5: {}\r\nCheckSum: {ZEROS}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
            &ZEROS[..32],
            BODY.len()
        );
        let at = |what: &str, length: usize| {
            let start = template.find(what).map_or(0, |start| start + what.len());
            start..start + length
        };
        let (number, md5, check_sum) = (at("\"timestamp\":\"", 13), at("\r\nMD5: ", 32), at("\r\nCheckSum: ", 40));
        let body_at = template.len() - BODY.len();
        let mut requests =
            Self { template: template.into_bytes(), number, md5, check_sum, first, seals: Vec::with_capacity(count) };
        for index in 0..count {
            requests.write_number(index);
            let mut seal: Sealed = [0; 72];
            let (md5, check_sum) = seal.split_at_mut(32);
            let sum = Sha1::new().chain_update(APP_SECRET);
            let body = Md5::digest(&requests.template[body_at..]);
            // Sixteen and twenty bytes make exactly what these slices hold.
            let _ = hex::encode_to_slice(body, md5);
            let _ = hex::encode_to_slice(sum.chain_update(&*md5).chain_update(&now).finalize(), check_sum);
            requests.seals.push(seal);
        }
        requests
    }

    pub(crate) fn len(&self) -> usize {
        self.seals.len()
    }

    /// The bytes of one of them, to be sent as they are.
    pub(crate) fn bytes(&mut self, index: usize) -> &[u8] {
        self.write_number(index);
        let (md5, check_sum) = self.seals[index].split_at(32);
        self.template[self.md5.clone()].copy_from_slice(md5);
        self.template[self.check_sum.clone()].copy_from_slice(check_sum);
        &self.template
    }

    fn write_number(&mut self, index: usize) {
        let mut number = FIRST + self.first + index as u64;
        for digit in self.template[self.number.clone()].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_another_one_and_is_signed_as_the_platform_signs() {
        let mut requests = Requests::sign(7, 3);
        let all = [0, 1, 2].map(|index| String::from_utf8(requests.bytes(index).to_vec()).unwrap());
        assert!(all[0] != all[1] && all[1] != all[2]);
        for (index, request) in all.iter().enumerate() {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            assert_eq!(body.len(), 331);
            assert!(body.contains(&format!("\"{}\"", FIRST + 7 + index as u64)), "{body}");
            assert_eq!(header("Content-Length: "), "331");
            assert_eq!(header("MD5: "), hex::encode(Md5::digest(body)));
            let sum = format!("{APP_SECRET}{}{}", header("MD5: "), header("CurTime: "));
            assert_eq!(header("CheckSum: "), hex::encode(Sha1::digest(sum)));
        }
    }
}
