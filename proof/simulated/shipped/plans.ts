import { VALUE_BYTES } from '../../../lambda/shared/store.ts';
import { type Plan, planRelease } from '../../../lambda/upload/plan.ts';
import { type Manifest, releaseTime } from '../../../lib/release/contract.ts';
import type { Tree } from '../sites/body.ts';

/**
 * The plan of an upload as it ships. It is the same for the same release, over the same one, at the same moment, and is
 * asked for again under each kind of delay: what it said is kept.
 */
export class ShippedPlans {
  readonly #plans = new WeakMap<
    Tree,
    Map<string, { readonly live: Manifest | undefined; readonly plan: Plan }[]>
  >();
  readonly #texts = new WeakMap<Manifest, string>();

  /** @param live as an earlier plan made it */
  plan(
    id: string,
    revision: string,
    tree: Tree,
    live: Manifest | undefined,
    immutable: readonly string[],
  ): Plan {
    const plans = this.#plans.get(tree) ?? new Map();
    this.#plans.set(tree, plans);
    const name = `${id} ${immutable.join()}`;
    const known = plans.get(name) ?? [];
    plans.set(name, known);
    for (const one of known) if (one.live === live) return one.plan;
    const plan = planRelease({
      id,
      revision,
      createdAt: releaseTime(id),
      files: [...tree].map(([path, { bytes, sha256, type }]) => ({
        path,
        size: bytes,
        sha256,
        type,
      })),
      live,
      immutable,
      addressing: {},
      limits: { pointerBytes: VALUE_BYTES, rebaseShare: 1 },
    });
    known.push({ live, plan });
    return plan;
  }

  /** As it is stored. */
  textOf(manifest: Manifest): string {
    const text = this.#texts.get(manifest) ?? JSON.stringify(manifest);
    this.#texts.set(manifest, text);
    return text;
  }
}
