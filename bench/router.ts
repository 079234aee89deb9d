import { setImmediate } from 'node:timers/promises';
import { LIVE_KEY, type Pointer, releasePrefix } from '../lib/release/contract.ts';
import { compileEdgeFunction, type EdgeFunction } from '../local/edge/function-sandbox.ts';
import { eventFor } from '../local/edge/viewer-function.ts';
import type { BenchContext } from './context.ts';
import { inTurn } from './processes.ts';
import { ratioOf, spreadOf } from './statistics.ts';
import { cellsOf, nanoseconds, type Section, times } from './table.ts';

const BATCHES = 300;
/** Few, so that both functions meet the same moments of a busy machine. */
const REQUESTS = 20;

/** The least that a router could do. */
const ONLY_REWRITES = `function handler(event) {
  event.request.uri = '/x' + event.request.uri;
  return event.request;
}`;

const ID = '20260101T000000Z-0123456';
const LIVE: Pointer = { id: ID, base: ID, delta: '' };

/** The router's time per request next to a function that only rewrites, in the local edge's sandbox. */
export async function measureRouter({
  assembly,
  runs = BATCHES,
  signal,
  progress,
}: BenchContext): Promise<Section> {
  progress(`Routing ${runs} times ${REQUESTS} requests`);
  const {
    ref: distributionId,
    properties,
    attributes,
  } = assembly.theOnly('AWS::CloudFront::Distribution');
  const associations: readonly { EventType: string; FunctionARN: string }[] =
    properties.DistributionConfig.DefaultCacheBehavior.FunctionAssociations ?? [];
  const routerArn = associations.find(({ EventType }) => EventType === 'viewer-request');
  const router = assembly
    .ofType('AWS::CloudFront::Function')
    .find(({ ref }) => ref === routerArn?.FunctionARN);
  if (!router) throw new Error('the default behavior has no viewer-request function');

  const store = {
    get: async (key: string) => (key === LIVE_KEY ? JSON.stringify(LIVE) : undefined),
  };
  const event = eventFor(
    {
      method: 'GET',
      target: '/guide/roll-out/?from=bench',
      headers: { host: 'www.example.com', accept: 'text/html', 'accept-encoding': 'br, gzip' },
    },
    {
      distributionId,
      distributionDomainName: String(attributes.DomainName),
      requestId: 'bench',
    },
  );
  const routing = compileEdgeFunction({
    code: router.properties.FunctionCode,
    keyValueStore: store,
  });
  const rewriting = compileEdgeFunction({ code: ONLY_REWRITES, keyValueStore: store });
  // A function that fails fast would win.
  await assertUri(routing, event, `/${releasePrefix(ID)}guide/roll-out/index.html`);
  await assertUri(rewriting, event, '/x/guide/roll-out/');

  const batch = (edgeFunction: EdgeFunction) => async () => {
    // A request never waits for anything outside: without this a Ctrl-C would not be heard.
    await setImmediate();
    signal.throwIfAborted();
    const began = performance.now();
    for (let request = 0; request < REQUESTS; request += 1) await edgeFunction.run(event);
    return ((performance.now() - began) * 1e6) / REQUESTS;
  };
  const measured = await inTurn(runs, { routing: batch(routing), rewriting: batch(rewriting) });
  const differences = measured.routing.map(
    (routing, batch) => routing - (measured.rewriting[batch] ?? Number.NaN),
  );
  return {
    heading: [
      `Router: time per request, ${runs} batches of ${REQUESTS}`,
      'median',
      'middle half',
      'to rewriting',
    ],
    rows: [
      [
        'the shipped router',
        ...cellsOf(spreadOf(measured.routing), nanoseconds),
        times(ratioOf(measured.routing, measured.rewriting)),
      ],
      ['a function that only rewrites', ...cellsOf(spreadOf(measured.rewriting), nanoseconds)],
      ['difference, batch by batch', ...cellsOf(spreadOf(differences), nanoseconds)],
    ],
    notes: ['each request has a fresh sandbox, as in the local edge; its time is in both'],
  };
}

async function assertUri(
  edgeFunction: EdgeFunction,
  event: unknown,
  expected: string,
): Promise<void> {
  const { uri } = (await edgeFunction.run(event)) as { uri?: string };
  if (uri !== expected)
    throw new Error(`the function led to ${uri}; it should lead to ${expected}`);
}
