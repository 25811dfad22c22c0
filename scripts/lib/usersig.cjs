// Holds `offhook usersig` against npm's tls-sig-api-v2, both ways; the program's path is the only argument.
'use strict';
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const zlib = require('node:zlib');
const { Api } = require('tls-sig-api-v2');

const offhook = process.argv[2];
const [app, key] = [1400704311, 'made-up-key-of-the-app'];
const api = new Api(app, key);
const at = 1767225600;
// The library asks the clock itself, for PrivateMapKeys in fractions of a second.
Date.now = () => at * 1000;

const run = (...args) =>
    execFileSync(offhook, ['usersig', ...args, '--sdk-app-id', String(app), '--secret-key', key], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();

const decoded = (sig) => {
    const base64 = sig.replace(/\*/g, '+').replace(/-/g, '/').replace(/_/g, '=');
    return JSON.parse(zlib.inflateSync(Buffer.from(base64, 'base64')).toString());
};

let compared = 0;
const same = (room, official, more, userBuf) => {
    // What we make, signed anew by the library.
    const ours = decoded(run('make', '--user', 'chen_bo', '--expire', '2h', '--at', String(at), ...more));
    const buf = userBuf === null ? null : userBuf.toString('base64');
    assert.strictEqual(ours['TLS.sig'], api._hmacsha256('chen_bo', at, 7200, buf), `${room}: TLS.sig`);
    assert.deepStrictEqual(ours, decoded(official), `${room}: all fields`);
    // What the library makes, read by us.
    const read = JSON.parse(run('read', official, '--at', String(at)));
    assert.strictEqual(read.valid, true, `${room}: valid`);
    assert.deepStrictEqual([read.identifier, read.sdkappid, read.time, read.expire], ['chen_bo', app, at, 7200]);
    compared += 1;
    return read;
};

same('no room', api.genUserSig('chen_bo', 7200), [], null);

const number = same(
    'a number', api.genPrivateMapKey('chen_bo', 7200, 4294967294, 255), ['--room-number', '4294967294'],
    api._genUserbuf('chen_bo', 4294967294, 7200, 255, 0, null),
);
assert.deepStrictEqual(number.private_map_key, { room: 4294967294, room_type: 'number', privileges: 255, expires: at + 7200 });

const text = same(
    'a text', api.genPrivateMapKeyWithStringRoomID('chen_bo', 7200, 'club-7', 255), ['--room', 'club-7'],
    api._genUserbuf('chen_bo', 0, 7200, 255, 0, 'club-7'),
);
assert.deepStrictEqual(text.private_map_key, { room: 'club-7', room_type: 'text', privileges: 255, expires: at + 7200 });

const some = JSON.parse(run('read', api.genPrivateMapKeyWithStringRoomID('lin_yue', 300, 'x', 42), '--at', String(at)));
assert.strictEqual(some.private_map_key.privileges, 42);

console.log(`npm tls-sig-api-v2 1.0.2: ok, ${compared} kinds both ways`);
