// What Lambda's runtime does, for one event: load the bundle, call its handler, wait. Arguments: the
// bundle. On standard input: {event, remainingMs}.
'use strict';

const dns = require('node:dns');
const { lookup } = dns;
// The SDK puts the account's id before the host of the key-value store's endpoint. *.localhost is this
// machine (RFC 6761), but not every resolver knows.
dns.lookup = (host, ...rest) => lookup(/\.localhost$/.test(host) ? 'localhost' : host, ...rest);

const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk));
process.stdin.on('end', async () => {
  const { event, remainingMs } = JSON.parse(Buffer.concat(chunks));
  const end = Date.now() + remainingMs;
  try {
    await require(process.argv[2]).handler(event, {
      awsRequestId: 'lambda-request-1',
      getRemainingTimeInMillis: () => end - Date.now(),
    });
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
  console.error(`node ${process.version}`);
  console.error(`maxRSS ${process.resourceUsage().maxRSS}`);
  // As Lambda freezes the process: what is still running does not go on.
  process.exit();
});
