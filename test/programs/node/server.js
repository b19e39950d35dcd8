// server.js ADDRESS PORT: answers /N with N lines of "weir", and POST with what it was sent. ADDRESS "" is any.
'use strict';
const http = require('http');
const [address, port] = process.argv.slice(2);

const server = http.createServer((request, response) => {
    response.setHeader('x-pid', String(process.pid));
    if (request.method === 'POST') {
        request.pipe(response);
        return;
    }
    response.end('weir\n'.repeat(Number(request.url.slice(1)) || 0));
});
server.listen({port: Number(port), host: address || undefined}, () => process.send && process.send('ready'));
