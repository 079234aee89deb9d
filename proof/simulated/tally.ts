import type { EdgeCost } from './models/model.ts';

/** What visitors' requests come to. */
export class Tally {
  requests = 0;
  hits = 0;
  bytes = 0;
  /** Invocations of functions at the edge, and reads of the store by them. */
  functions = 0;
  reads = 0;

  request(hit: boolean, bytes: number, { functions, reads }: EdgeCost): void {
    this.requests += 1;
    if (hit) this.hits += 1;
    this.bytes += bytes;
    this.functions += functions;
    this.reads += reads;
  }
}
