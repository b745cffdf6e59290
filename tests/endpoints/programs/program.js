// Hosts written down; both ways that Node.js has of speaking HTTP.
'use strict';

const http = require('http');
const https = require('https');

const path = '1234567890123456.cn-shanghai.fc.aliyuncs.com/2023-03-30/functions/hello/invocations';

function ask(module, url, body) {
  return new Promise((resolve, reject) => {
    const request = module.request(url, { method: 'POST' }, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => resolve(Buffer.concat(pieces).toString()));
    });
    request.on('error', reject);
    request.end(body);
  });
}

(async () => {
  console.log(await ask(http, `http://${path}`, 'node by http'));
  console.log(await ask(https, `https://${path}`, 'node by https'));
  for (const scheme of ['http', 'https']) {
    const answer = await fetch(`${scheme}://${path}`, { method: 'POST', body: `fetch by ${scheme}` });
    console.log(await answer.text());
  }
})();
