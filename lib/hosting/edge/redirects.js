/*
 * What the release's `_redirects` says about an address. lambda/upload/redirects/program.ts writes what this reads:
 * `rules` in the pointer is `hash exact patterns files`, the last three being how many values of each kind there are under
 * `rules/<hash>/`. A value that has not come to this edge rejects. The store and `crypto` are handed in: two imports
 * of one module would be two names for it in what esbuild puts together.
 */
import { addressFor, fileFor } from '../../release/addresses.ts';
import { decoded, filled, spelled, takenBy } from '../../release/redirects.ts';

// What the store says of a value that is not here. Anything else that fails is no reason to go by another release.
const MISSING = 'missing';

async function read(store, key) {
  try {
    const value = await store.get(key);
    return value;
  } catch (_) {
    throw MISSING;
  }
}

// By the live release; or, where some of its values are missing here, by the one before it, whole.
export async function decide(store, crypto, uri, live) {
  try {
    const decided = await decideBy(store, crypto, uri, live);
    return decided;
  } catch (error) {
    if (error !== MISSING) throw error;
    const before = await store.get('previous', { format: 'json' });
    if (!live.before || before.id !== live.before) throw error;
    const decided = await decideBy(store, crypto, uri, before);
    return decided;
  }
}

async function decideBy(store, crypto, uri, release) {
  const asItIs = { release: release, uri: uri };
  if (!release.rules) return asItIs;
  const counts = release.rules.split(' ');
  const parts = uri.slice(1).split('/');
  const spelt = spelled(parts);
  const address = spelt.join('/');
  let found;
  if (counts[1] > 0) {
    const exact = await read(store, keyOf(counts, 1, digestOf(crypto, address, 'hex')));
    // Most addresses are in no rule.
    if (exact.includes(` /${address} `)) found = firstIn(exact, address);
  }
  for (let i = 0; i < counts[2]; i++) {
    const patterns = await read(store, `rules/${counts[0]}/p${i}`);
    const match = firstIn(patterns, spelt, parts, found);
    if (match) {
      found = match;
      break;
    }
  }
  if (!found || found.status === '-') return asItIs;
  if (found.status.slice(-1) !== '!' && counts[3] > 0) {
    // A file of the release goes before a rule without `!`.
    const path = decoded(fileFor(addressIn(release, uri)).slice(1)).replace(/\+/g, ' ');
    const hidden = await read(store, keyOf(counts, 3, digestOf(crypto, path, 'hex')));
    if (isIn(hidden, digestOf(crypto, path, 'base64url').slice(10, 15))) return asItIs;
  }
  const to = filled(found.to, found.taken);
  const status = Number(found.status.slice(0, 3));
  if (status !== 200) return { release: release, status: status, location: to };
  // Without a style and pages: what is served from elsewhere keeps the address under which it was asked for.
  const files = { id: release.id, base: release.base, delta: release.delta };
  return { release: files, uri: addressIn(release, to) };
}

// Where the release has the page of that address.
function addressIn(release, uri) {
  return SETTINGS.styles ? addressFor(uri, release.style) : uri;
}

// Which of the values of one kind an address or a file is in.
function keyOf(counts, kind, hex) {
  return `rules/${counts[0]}/${'-xpf'[kind]}${parseInt(hex.slice(0, 8), 16) % counts[kind]}`;
}

function digestOf(crypto, text, encoding) {
  return crypto.createHash('sha256').update(text).digest(encoding);
}

// The first line that matches, unless the rule that is known comes before it: `number from to status`. A value may have no line.
// `asked` is the address in the spelling of the rules; of patterns its parts, beside `parts` as they were asked for.
function firstIn(value, asked, parts, known) {
  const lines = value.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i].split(' ');
    if (line.length < 4) return undefined;
    if (known && known.number < Number(line[0])) return known;
    const from = line[1].slice(1);
    const taken = parts ? takenBy(from.split('/'), parts, asked) : from === asked && {};
    if (taken) return { number: Number(line[0]), to: line[2], status: line[3], taken: taken };
  }
}

function isIn(files, name) {
  for (let at = files.indexOf(name); at >= 0; at = files.indexOf(name, at + 1)) {
    if (at % 5 === 0) return true;
  }
  return false;
}

// The visitor's query goes along as it was sent, unless the rule's target has one of its own. A header holds ASCII.
export function withQuery(location, query) {
  const hash = location.indexOf('#');
  const end = hash < 0 ? location.length : hash;
  const asked = query && !location.includes('?') ? `?${query}` : '';
  return `${location.slice(0, end)}${asked}${location.slice(end)}`.replace(
    /[^\x21-\x7e]+/g,
    encodeURIComponent,
  );
}
