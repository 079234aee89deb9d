// What Lambda's own runtime does for a function: load the handler, hand it one event and a context,
// wait for it, and turn what it throws into an exit status. Runs in a process of its own.
'use strict';

const dns = require('node:dns');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { peakMemory } = require('./peak-memory.cjs');

// What the log's last line needs and only this process knows. Not at its end alone, since one that runs out of time or
// memory has no end of its own.
const tell = (name, value) => fs.writeSync(3, `${name} ${value}\n`);
const tellMemory = () => tell('peakMiB', peakMemory());
setInterval(tellMemory, 500).unref();
process.once('exit', tellMemory);

// The key-value store's endpoint gets the account's id before its host name, `123456789012.localhost`, which
// names this machine by RFC 6761 but which not every resolver knows.
const { lookup } = dns;
dns.lookup = (host, options, callback) =>
  lookup.call(dns, /(^|\.)localhost$/.test(host) ? '127.0.0.1' : host, options, callback);

// Public addresses whose servers are on this machine: `{"https://d111.cloudfront.net": "http://127.0.0.1:8080"}`.
const addresses = new Map(Object.entries(JSON.parse(process.env.LOCAL_ADDRESSES ?? '{}')));
delete process.env.LOCAL_ADDRESSES;
const { request } = https;
https.request = (url, options, onResponse) => {
  const here = url instanceof URL ? addresses.get(url.origin) : undefined;
  if (here === undefined) return request(url, options, onResponse);
  // It still asks for the public host; only where that is, is known here.
  const { lookup: _, ...others } = options;
  const headers = { ...options.headers, host: url.host };
  return http.request(new URL(url.pathname + url.search, here), { ...others, headers }, onResponse);
};

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const event = JSON.parse(Buffer.concat(chunks).toString('utf8'));

  const [file, name] = process.env._HANDLER.split('.');
  const { requestId, deadline, arn } = JSON.parse(process.env.LOCAL_CONTEXT);
  delete process.env.LOCAL_CONTEXT;
  const { [name]: handler } = require(path.join(process.env.LAMBDA_TASK_ROOT, `${file}.js`));
  tell('initMs', performance.now());
  tellMemory();

  await handler(event, {
    awsRequestId: requestId,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: arn,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  });
}

main().then(
  // Lambda freezes a function that has answered: what it left running does not go on.
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
