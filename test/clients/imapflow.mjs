// What imapflow does with Loft, for test_imapflow.py: one function a scenario, `assert` for what must hold.
// node imapflow.mjs SCENARIO, with LOFT_PORT, LOFT_PLAIN_PORT, LOFT_USER, LOFT_PASSWORD, LOFT_CA in the environment.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { ImapFlow } from 'imapflow';

const env = process.env;
const auth = { user: env.LOFT_USER, pass: env.LOFT_PASSWORD };
const tls = { ca: fs.readFileSync(env.LOFT_CA) };
const open = [];

async function connect(more = {}) {
    const client = new ImapFlow({ host: 'localhost', port: Number(env.LOFT_PORT), secure: true, auth, tls, logger: false, ...more });
    client.on('error', error => { throw error; });
    open.push(client);
    await client.connect();
    return client;
}

// What `event` says next, once `action` is done.
async function heard(client, event, action) {
    const told = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${event} event`)), 20000);
        client.once(event, data => { clearTimeout(timer); resolve(data); });
    });
    await action();
    return told;
}

function message(n, body = `body ${n}`) {
    return `From: Bernd <bernd@example.com>\r\nTo: Anna <anna@example.org>\r\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= ${n}\r\n` +
        `Date: Mon, 03 Mar 2025 10:00:00 +0100\r\nMessage-ID: <flow-${n}@example.com>\r\nMIME-Version: 1.0\r\n` +
        `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n` +
        `Content-Transfer-Encoding: quoted-printable\r\n\r\n${body} =C3=BC\r\n--b\r\nContent-Type: application/octet-stream\r\n` +
        `Content-Disposition: attachment; filename=data.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--b--\r\n`;
}

async function fill(client, path, count) {
    for (let n = 1; n <= count; n++)
        await client.append(path, message(n), n % 2 ? ['\\Seen'] : [], new Date(Date.UTC(2025, 0, n, 12)));
}

const scenarios = {
    async connects() {
        for (const more of [{}, { port: Number(env.LOFT_PLAIN_PORT), secure: false, doSTARTTLS: true },
            { port: Number(env.LOFT_PLAIN_PORT), secure: false, doSTARTTLS: false }, { disableCompression: true }]) {
            const client = await connect(more);
            assert.equal(client.secureConnection, more.doSTARTTLS !== false);
            assert.ok(client.capabilities.has('IMAP4rev1'));
            await client.noop();
        }
        const wrong = new ImapFlow({ host: 'localhost', port: Number(env.LOFT_PORT), secure: true, tls, logger: false,
            auth: { user: auth.user, pass: 'wrong' } });
        wrong.on('error', () => {});
        await assert.rejects(wrong.connect(), error => error.authenticationFailed === true && error.serverResponseCode === 'AUTHENTICATIONFAILED');
        wrong.close();
    },

    async mailboxes() {
        const client = await connect();
        const uses = Object.fromEntries((await client.list()).map(box => [box.path, box.specialUse]));
        assert.deepEqual(uses, { INBOX: '\\Inbox', Archive: '\\Archive', Drafts: '\\Drafts', Junk: '\\Junk', Sent: '\\Sent', Trash: '\\Trash' });
        assert.deepEqual(await client.mailboxCreate(['Reise', 'Köln & 日本']).then(r => [r.path, r.created]), ['Reise/Köln & 日本', true]);
        assert.equal((await client.mailboxCreate('Reise')).created, false);
        await client.append('Reise/Köln & 日本', message(1));
        const listed = await client.list({ statusQuery: { messages: true, unseen: true, uidNext: true, uidValidity: true, highestModseq: true } });
        const far = listed.find(box => box.path === 'Reise/Köln & 日本');
        assert.equal(far.status.messages, 1);
        assert.equal(far.status.unseen, 1);
        assert.equal(far.subscribed, true);
        assert.equal((await client.listTree()).folders.find(box => box.name === 'Reise').folders[0].name, 'Köln & 日本');
        await client.mailboxRename('Reise', 'Travel');
        assert.ok((await client.list()).some(box => box.path === 'Travel/Köln & 日本'));
        assert.equal(await client.mailboxUnsubscribe('Travel/Köln & 日本'), true);
        await client.mailboxDelete('Travel/Köln & 日本');
        await client.mailboxDelete('Travel');
        assert.equal((await client.list()).length, 6);
        await assert.rejects(client.mailboxDelete('Travel'), error => error.serverResponseCode === 'NONEXISTENT');
        await assert.rejects(client.mailboxOpen('Nowhere'), error => error.responseStatus === 'NO');
    },

    async status() {
        const client = await connect();
        await fill(client, 'INBOX', 3);
        const status = await client.status('INBOX', { messages: true, recent: true, uidNext: true, uidValidity: true, unseen: true, highestModseq: true });
        assert.equal(status.messages, 3);
        assert.equal(status.uidNext, 4);
        assert.equal(status.unseen, 1);
        assert.equal(typeof status.highestModseq, 'bigint');
        const box = await client.mailboxOpen('INBOX', { readOnly: true });
        assert.equal(box.exists, 3);
        assert.equal(box.uidValidity, status.uidValidity);
        assert.deepEqual([box.readOnly, box.permanentFlags.size], [true, 0]);
        assert.equal(await client.mailboxClose(), true);
        assert.ok((await client.mailboxOpen('INBOX')).permanentFlags.has('\\*'));
    },

    async fetches() {
        const client = await connect();
        await fill(client, 'INBOX', 3);
        await client.mailboxOpen('INBOX');
        const all = await client.fetchAll('1:*', { uid: true, flags: true, bodyStructure: true, envelope: true, internalDate: true,
            size: true, source: true, headers: true, threadId: true, labels: true, bodyParts: ['1', 'text', '2.mime', { key: '1', start: 0, maxLength: 4 }] });
        assert.deepEqual(all.map(m => [m.seq, m.uid]), [[1, 1], [2, 2], [3, 3]]);
        const [m] = all;
        assert.equal(m.source.toString(), message(1));
        assert.equal(m.size, message(1).length);
        assert.deepEqual([...m.flags], ['\\Seen']);
        assert.equal(m.internalDate.toISOString(), '2025-01-01T12:00:00.000Z');
        assert.equal(m.envelope.subject, 'Grüße 1');
        assert.equal(m.envelope.from[0].address, 'bernd@example.com');
        assert.equal(m.envelope.messageId, '<flow-1@example.com>');
        assert.equal(m.envelope.date.toISOString(), '2025-03-03T09:00:00.000Z');
        assert.deepEqual(m.bodyStructure.childNodes.map(n => [n.part, n.type, n.encoding]),
            [['1', 'text/plain', 'quoted-printable'], ['2', 'application/octet-stream', 'base64']]);
        assert.equal(m.bodyStructure.childNodes[1].dispositionParameters.filename, 'data.bin');
        assert.match(m.headers.toString(), /^From: Bernd/);
        assert.equal(m.bodyParts.get('1').toString(), 'body'); // the last asked of the same key
        assert.match(m.bodyParts.get('2.mime').toString(), /^Content-Type: application\/octet-stream/);
        assert.ok(m.emailId && m.threadId);
        assert.equal(typeof m.modseq, 'bigint');

        const some = await client.fetchAll('2,3', { headers: ['subject', 'X-None'] }, { uid: true });
        assert.equal(some[0].headers.toString(), 'Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= 2\r\n\r\n');
        assert.equal((await client.fetchOne('*', { uid: true })).uid, 3);
        assert.equal(await client.fetchOne('99', { uid: true }, { uid: true }), false);
        const partial = await client.fetchOne('1', { source: { start: 6, maxLength: 5 } });
        assert.equal(partial.source.toString(), 'Bernd');
    },

    async downloads() {
        const client = await connect();
        const big = 'x'.repeat(76) + '\r\n';
        await client.append('INBOX', message(1, big.repeat(20000)));
        await client.mailboxOpen('INBOX');
        const read = async stream => { const parts = []; for await (const part of stream) parts.push(part); return Buffer.concat(parts); };
        const whole = await client.download('1', undefined, { uid: true });
        assert.equal((await read(whole.content)).toString(), message(1, big.repeat(20000)));
        const text = await client.download('1', '1', { uid: true });
        assert.match((await read(text.content)).toString(), / ü\r?\n?$/);
        const data = await client.download('1', '2', { uid: true });
        assert.deepEqual([...await read(data.content)], [0, 1, 2, 3, 4]);
        assert.equal(data.meta.filename, 'data.bin');
        const many = await client.downloadMany('1', ['1', '2'], { uid: true });
        assert.deepEqual([...many['2'].content], [0, 1, 2, 3, 4]);
    },

    async searches() {
        const client = await connect();
        await fill(client, 'INBOX', 6);
        await client.mailboxOpen('INBOX');
        const cases = [
            [{ seen: true }, [1, 3, 5]],
            [{ seen: false }, [2, 4, 6]],
            [{ all: true }, [1, 2, 3, 4, 5, 6]],
            [{ subject: 'GRÜSSE 3' }, [3]],
            [{ subject: 'grüße' }, [1, 2, 3, 4, 5, 6]],
            [{ body: 'body 2 ü' }, [2]],
            [{ header: { 'message-id': '<flow-4@example.com>' } }, [4]],
            [{ from: 'bernd', to: 'anna', not: { seen: true } }, [2, 4, 6]],
            [{ or: [{ uid: '1' }, { seq: '6' }] }, [1, 6]],
            [{ since: new Date(Date.UTC(2025, 0, 3)), before: new Date(Date.UTC(2025, 0, 5)) }, [3, 4]],
            [{ larger: 1000000 }, []],
            [{ keyword: 'none' }, []],
        ];
        for (const [query, wanted] of cases)
            assert.deepEqual(await client.search(query, { uid: true }), wanted, JSON.stringify(query));
        const { emailId } = await client.fetchOne('2', { uid: true, threadId: true });
        assert.deepEqual(await client.search({ emailId }), [2]);
        const counted = await client.search({ seen: true }, { uid: true, returnOptions: ['MIN', 'MAX', 'COUNT', 'ALL'] });
        assert.deepEqual([counted.min, counted.max, counted.count, counted.all], [1, 5, 3, '1,3,5']);
    },

    async appends() {
        const client = await connect();
        const done = await client.append('Sent', message(1), ['\\Seen', '$Forwarded'], new Date(Date.UTC(2024, 1, 29, 23, 59, 59)));
        assert.equal(done.uid, 1);
        assert.equal(typeof done.uidValidity, 'bigint');
        await client.mailboxOpen('Sent');
        const raw = Buffer.from([...Buffer.from('Subject: 8-bit\r\n\r\n'), 0xff, 0xfe, 0x0d, 0x0a]);
        const here = await client.append('Sent', raw);
        assert.equal(here.seq, 2);
        assert.deepEqual((await client.fetchOne('2', { source: true })).source, raw);
        const first = await client.fetchOne('1', { flags: true, internalDate: true });
        assert.deepEqual([...first.flags].sort(), ['$Forwarded', '\\Seen']);
        assert.equal(first.internalDate.toISOString(), '2024-02-29T23:59:59.000Z');
        await assert.rejects(client.append('Nowhere', message(1)), error => error.serverResponseCode === 'TRYCREATE');
    },

    async moves() {
        const client = await connect();
        await fill(client, 'INBOX', 4);
        await client.mailboxOpen('INBOX');
        const copied = await client.messageCopy('1:2', 'Archive', { uid: true });
        assert.deepEqual([...copied.uidMap], [[1, 1], [2, 2]]);
        const gone = [];
        client.on('expunge', event => gone.push(event));
        const moved = await client.messageMove('2:3', 'Archive', { uid: true });
        assert.deepEqual([...moved.uidMap], [[2, 3], [3, 4]]);
        assert.equal(gone.length, 2);
        assert.equal(client.mailbox.exists, 2);
        assert.equal(await client.messageDelete('1', { uid: true }), true);
        assert.equal((await client.status('INBOX', { messages: true })).messages, 1);
        assert.equal((await client.status('Archive', { messages: true })).messages, 4);
        assert.equal(await client.messageMove('4', 'Nowhere', { uid: true }), false);
    },

    async flags() {
        const client = await connect({ qresync: true }), other = await connect();
        await fill(client, 'INBOX', 4);
        const box = await client.mailboxOpen('INBOX');
        const before = box.highestModseq;
        assert.equal(client.enabled.has('QRESYNC'), true);
        assert.equal(await client.messageFlagsSet('1', ['\\Flagged'], { uid: true }), true);
        assert.equal(await client.messageFlagsAdd({ seen: false }, ['later', '\\Seen']), true);
        assert.equal(await client.messageFlagsRemove('1:*', ['\\Seen'], { silent: true }), true);
        assert.equal(await client.setFlagColor('3', 'green', { uid: true }), true);
        const changed = await client.fetchAll('1:*', { flags: true, uid: true }, { changedSince: before });
        assert.ok(changed.length === 4 && changed.every(m => m.modseq > before));

        await other.mailboxOpen('INBOX');
        const { modseq } = await client.fetchOne('4', { flags: true });
        await other.messageFlagsAdd('4', ['theirs']);
        await client.messageFlagsAdd('4', ['mine'], { unchangedSince: modseq });
        const four = (await other.fetchOne('4', { flags: true })).flags;
        assert.ok(four.has('theirs') && !four.has('mine'));

        const gone = await heard(client, 'expunge', async () => { await other.messageDelete('2', { uid: true }); await client.noop(); });
        assert.deepEqual([gone.uid, gone.vanished, gone.earlier], [2, true, false]);
        await client.mailboxClose();
        const since = (await client.status('INBOX', { highestModseq: true })).highestModseq;
        await other.messageDelete('3', { uid: true });
        const vanished = [];
        client.on('expunge', event => vanished.push(event));
        const again = await client.mailboxOpen('INBOX', { changedSince: since, uidValidity: box.uidValidity });
        assert.equal(again.exists, 2);
        assert.deepEqual(vanished.map(event => [event.uid, event.earlier]), [[3, true]]);
    },

    async idles() {
        const client = await connect(), other = await connect();
        await client.mailboxOpen('INBOX');
        await other.mailboxOpen('INBOX');
        const idling = client.idle();
        const exists = await heard(client, 'exists', () => other.append('INBOX', message(1)));
        assert.deepEqual([exists.count, exists.prevCount], [1, 0]);
        const flags = await heard(client, 'flags', () => other.messageFlagsAdd('1', ['\\Flagged']));
        assert.ok(flags.seq === 1 && flags.flags.has('\\Flagged'));
        const gone = await heard(client, 'expunge', () => other.messageDelete('1'));
        assert.equal(gone.seq, 1);
        assert.equal((await client.search({ all: true })).length, 0); // breaks the IDLE
        await idling;
    },

    async works_at_once() {
        const clients = await Promise.all(Array.from({ length: 8 }, () => connect()));
        await Promise.all(clients.map(async (client, who) => {
            const lock = await client.getMailboxLock('INBOX');
            for (let n = 0; n < 5; n++) {
                const { uid } = await client.append('INBOX', message(`${who}-${n}`));
                await client.messageFlagsAdd(`${uid}`, [`who${who}`], { uid: true });
            }
            assert.equal((await client.search({ keyword: `who${who}` })).length, 5);
            lock.release();
        }));
        assert.equal((await clients[0].status('INBOX', { messages: true })).messages, 40);
    },
};

await scenarios[process.argv[2]]();
for (const client of open)
    await client.logout();
