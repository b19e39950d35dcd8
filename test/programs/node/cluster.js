// cluster.js ADDRESS PORT: two workers of server.js. NODE_CLUSTER_SCHED_POLICY says who accepts.
'use strict';
const cluster = require('cluster');

if (cluster.isPrimary) {
    let ready = 0;
    for (let i = 0; i < 2; i++) {
        cluster.fork().on('message', () => { if (++ready === 2) console.log('2 workers ready'); });
    }
    cluster.on('exit', (worker) => { console.log(`worker ${worker.id} ended`); process.exit(1); });
} else {
    require('./server.js');
}
