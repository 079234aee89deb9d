// The repository's post-receive hook: tells the running stack about a push and passes on what it
// answers. Plain JavaScript without dependencies, because it runs wherever git calls it.
//
//   node post-receive.mjs <state>/control.json   < "<old> <new> <ref>" lines
//
// Always succeeds: the push has been taken by now, and publishing it can be made up for.
import { readFileSync } from 'node:fs';
import { request } from 'node:http';

const NOT_RUNNING =
  'Atomic Site is not running here: the push is kept and will be published at the next `npm start`.';
const CUT_OFF =
  'STOPPED: `npm start` ended before this release was through. The push is kept; the next `npm start` publishes it.';

const say = (text) => process.stdout.write(`${text}\n`);

const updates = readFileSync(0, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => {
    const [old, fresh, ref] = line.split(' ');
    return { old, new: fresh, ref };
  });

let control;
try {
  control = JSON.parse(readFileSync(process.argv[2], 'utf8'));
} catch {
  // No file: nothing runs. Unreadable or damaged: nothing that could be reached runs.
}

if (control === undefined) {
  say(NOT_RUNNING);
} else {
  const call = request(
    {
      host: '127.0.0.1',
      port: control.port,
      path: '/push',
      method: 'POST',
      headers: { authorization: `Bearer ${control.token}`, 'content-type': 'application/json' },
    },
    (response) => {
      // Some other program has the port of a stack that did not end cleanly.
      if (response.statusCode === 401 || response.statusCode === 404) {
        response.resume();
        say(NOT_RUNNING);
        return;
      }
      response.setEncoding('utf8');
      response.on('data', (text) => process.stdout.write(text));
      response.on('error', () => say(CUT_OFF));
    },
  );
  call.on('error', () => say(NOT_RUNNING));
  call.end(JSON.stringify({ updates }));
}
