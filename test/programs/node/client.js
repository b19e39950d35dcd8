// client.js URL COUNT: COUNT requests with fetch, 32 at a time, each answer checked.
// Prints "COUNT ok from N processes".
'use strict';
const [url, count] = [process.argv[2], Number(process.argv[3])];
const pids = new Set();
let next = 0;

async function one(n) {
    const want = 'weir\n'.repeat(n % 2000);
    const close = n % 5 === 0 ? {connection: 'close'} : {};
    const response = n % 10 === 0
        ? await fetch(url, {method: 'POST', body: want, headers: close})
        : await fetch(url + (n % 2000), {headers: close});
    pids.add(response.headers.get('x-pid'));
    const got = await response.text();
    if (got !== want) throw new Error(`request ${n}: ${got.length} bytes came, ${want.length} expected`);
}

async function worker() {
    while (next < count) await one(next++);
}

Promise.all(Array.from({length: 32}, worker)).then(
    () => console.log(`${count} ok from ${pids.size} processes`),
    (error) => { console.error(error); process.exit(1); });
