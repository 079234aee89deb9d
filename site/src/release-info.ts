/** The upload's time in UTC and the start of the source revision: `20261123T061500Z-1a2b3c4`. */
const RELEASE_ID = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([0-9A-Za-z]{1,7})$/;

/**
 * What to tell a visitor about the live release, and whether a page of `build` belongs to it.
 * Never rejects: what could not be found out is said in words.
 */
export async function describeRelease(build: string): Promise<DocumentFragment> {
  try {
    const id = await liveRelease();
    const code = document.createElement('code');
    code.textContent = id;
    return lines(code, [origin(id), await comparison(build)].filter(Boolean).join(' '));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return lines('The release could not be found out.', reason);
  }
}

/** The router answers this address at the edge; no file of the site is behind it. */
async function liveRelease(): Promise<string> {
  const response = await fetch('/.well-known/release', { cache: 'no-store' });
  if (!response.ok) {
    throw new Error(
      `/.well-known/release answered ${response.status}; the router answers it where the site is published, and so does npm start.`,
    );
  }
  const id = (await response.text()).trim();
  if (!RELEASE_ID.test(id))
    throw new Error('/.well-known/release answered something else than a release.');
  return id;
}

function origin(id: string): string {
  const [, year, month, day, hour, minute, second, revision] = RELEASE_ID.exec(id) ?? [];
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const when = time.toLocaleString('en-GB', {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  });
  return `Uploaded on ${when} UTC from revision ${revision}.`;
}

/** The live id says nothing about this tab, which may have been open for days; its build does. */
async function comparison(build: string): Promise<string> {
  try {
    const response = await fetch('/', { cache: 'no-store' });
    const home = new DOMParser().parseFromString(await response.text(), 'text/html');
    const live = home.querySelector<HTMLMetaElement>('meta[name="build"]')?.content;
    if (!live) return '';
    return live === build
      ? 'You are looking at it.'
      : 'You are still looking at an earlier release; reload to change over.';
  } catch {
    return '';
  }
}

function lines(first: string | Node, second: string): DocumentFragment {
  const fragment = document.createDocumentFragment();
  fragment.append(first, document.createElement('br'), second);
  return fragment;
}
