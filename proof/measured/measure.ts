import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { BrowserVisitor } from './browser-visitor.ts';
import { HttpVisitor } from './http-visitor.ts';
import { pagesOf, type SiteShape, siteOf } from './site.ts';
import { type PageLoad, Tally } from './tally.ts';
import type { Way } from './way.ts';

export interface MeasureOptions extends SiteShape {
  readonly releases: number;
  /** Visitors over HTTP, every other one with a cache. In the browser there are two more, if there is a browser. */
  readonly clients: number;
  /** Milliseconds. */
  readonly roundTrip: number;
  /** How long a visitor looks at a page, in milliseconds on average. */
  readonly pause: number;
  /** From the end of one release to the start of the next, in milliseconds. */
  readonly rest: number;
}

export interface Measured {
  readonly http: Tally;
  readonly browser: Tally;
  /** From the start of a release until it was reported as published, in milliseconds, on average. */
  readonly publishing: number;
}

interface Visitor {
  load(address: string, green: number): Promise<PageLoad>;
  close(): Promise<void>;
}

/**
 * Publishes one release after the other while visitors load pages all the time, and counts what they got.
 *
 * @param browser where there is none, nobody comes by one
 */
export async function measure(
  way: Way,
  options: MeasureOptions,
  browser: Browser | undefined,
): Promise<Measured> {
  const { siteUrl } = way;
  const { releases, clients, roundTrip, rest } = options;
  await way.publish(siteOf(0, options));
  const state = { green: 0, over: false };
  const [http, inBrowser] = [new Tally(), new Tally()];
  const visitors: [Visitor, Tally][] = [];
  for (let client = 0; client < clients; client += 1) {
    visitors.push([new HttpVisitor({ siteUrl, roundTrip, cache: client % 2 === 0 }), http]);
  }
  if (browser) {
    for (const cache of [true, false]) {
      const visitor = await BrowserVisitor.of(browser, { siteUrl, roundTrip, cache });
      visitors.push([visitor, inBrowser]);
    }
  }
  const visits = Promise.all(
    visitors.map(([visitor, tally]) => visit(visitor, tally, options, state)),
  );
  // Waited for below, unless a release fails first.
  visits.catch(() => {});
  let publishing = 0;
  try {
    for (let release = 1; release <= releases; release += 1) {
      const began = performance.now();
      await way.publish(siteOf(release, options));
      publishing += performance.now() - began;
      state.green = release;
      await sleep(rest);
    }
  } finally {
    state.over = true;
    await visits;
    await Promise.all(visitors.map(([visitor]) => visitor.close()));
  }
  return { http, browser: inBrowser, publishing: publishing / releases };
}

async function visit(
  visitor: Visitor,
  tally: Tally,
  options: MeasureOptions,
  state: { readonly green: number; readonly over: boolean },
): Promise<void> {
  const addresses = pagesOf(options);
  while (!state.over) {
    const address = addresses[Math.floor(Math.random() * addresses.length)] as string;
    tally.note(await visitor.load(address, state.green));
    await sleep(options.pause * 2 * Math.random());
  }
}
