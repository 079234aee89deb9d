import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pointerText } from '../../lambda/shared/pointer.ts';
import { compile } from '../../lambda/upload/redirects/program.ts';
import { readRedirects } from '../../lambda/upload/redirects/read.ts';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import type { UrlStyle } from '../../lib/release/addresses.ts';
import { RULES_PREFIX } from '../../lib/release/contract.ts';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';

export const SITE = { name: 'my-site', source: { kind: 'codecommit', branch: 'main' } } as const;

export const ROUTER = routerCode({ ...SITE, redirectsFile: true });

/** The same for a site whose pages have one address each, under a name of its own. */
export const DOMAIN = { name: 'www.example.com', aliases: [], hostedZoneId: 'Z1' } as const;
export const STYLED_ROUTER = routerCode({
  ...SITE,
  redirectsFile: true,
  urls: { style: 'directory', fallback: 'single-page' },
  domain: DOMAIN,
});

/** Values of a key-value store by key, as one edge sees them. */
export type View = Readonly<Record<string, string | undefined>>;

/** What a `_redirects` file becomes for a release with these files. */
export async function compiled(text: string, paths: readonly string[], style: UrlStyle = 'any') {
  const folder = mkdtempSync(join(tmpdir(), 'redirects-'));
  try {
    const { redirects, problems } = await readRedirects(text, folder);
    const result = compile(redirects, paths, ['assets/*'], style);
    return { ...result, problems: [...problems, ...result.problems], redirects };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The store while a release with that file is live. */
export async function viewOf(
  text: string,
  paths: readonly string[],
  { id = '20261123T061500Z-1a2b3c4', style }: { id?: string; style?: 'directory' } = {},
): Promise<View> {
  const { program, problems } = await compiled(text, paths, style);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const [hash] = program?.rules.split(' ') ?? [];
  return {
    live: pointerText({
      id,
      base: id,
      delta: '',
      ...(program && { rules: program.rules }),
      ...(style && { style }),
    }),
    ...Object.fromEntries(
      Object.entries(program?.values ?? {}).map(([end, value]) => [
        `${RULES_PREFIX}${hash}/${end}`,
        value,
      ]),
    ),
  };
}

export interface Answer {
  readonly uri?: string;
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, { readonly value: string }>>;
  readonly body?: string;
}

/** Asks the shipped router for an address with its query, at an edge that sees that. */
export type Ask = (
  address: string,
  view: View,
  options?: { readonly reads?: string[]; readonly code?: string; readonly host?: string },
) => Promise<Answer>;

/** CloudFront's own object has the raw query as a method, which JSON cannot hold. */
function eventOf(address: string, host = 'www.example.com') {
  const [uri = '', query] = address.split('?');
  return {
    event: {
      request: {
        method: 'GET',
        uri,
        querystring: {},
        headers: { host: { value: host } },
        cookies: {},
      },
    },
    query,
  };
}

/** In a bare node:vm context, as the local edge runs it. */
export const inSandbox: Ask = async (address, view, { reads = [], code = ROUTER, host } = {}) => {
  const keyValueStore = {
    get: async (key: string) => {
      reads.push(key);
      return view[key];
    },
  };
  const router = compileEdgeFunction({ code, keyValueStore });
  const { event, query } = eventOf(address, host);
  return (await router.run(event, query)) as Answer;
};

export const hasNjs = spawnSync('njs', ['-v']).status === 0;

/** In Debian's njs, which runs the dialect that CloudFront documents. */
export const inNjs: Ask = async (address, view, { code = ROUTER, host } = {}) => {
  const folder = mkdtempSync(join(tmpdir(), 'router-'));
  try {
    writeFileSync(
      join(folder, 'cloudfront'),
      `const view = ${JSON.stringify(view)};
       export default { kvs() { return {
         async get(key, options) {
           if (view[key] === undefined) throw new Error('no such key');
           return options && options.format === 'json' ? JSON.parse(view[key]) : view[key];
         },
         async exists(key) { return view[key] !== undefined; },
       }; } };`,
    );
    const { event, query } = eventOf(address, host);
    const show = `const event = ${JSON.stringify(event)};
      event.request.rawQueryString = () => ${JSON.stringify(query)};
      handler(event).then((answer) => console.log('ANSWER ' + JSON.stringify(answer)));`;
    writeFileSync(join(folder, 'router.js'), `${code}\n${show}`);
    const output = execFileSync('njs', ['-p', folder, join(folder, 'router.js')]).toString();
    return JSON.parse(output.slice(output.indexOf('ANSWER ') + 7));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** `301 /new`, or the file that is served without the release's prefix, or `503`. */
export function shown({ statusCode, headers, uri }: Answer): string {
  if (statusCode !== undefined) return `${statusCode} ${headers?.location?.value ?? ''}`.trim();
  return uri?.replace(/^\/releases\/[^/]+/, '') ?? '';
}
