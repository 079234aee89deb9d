import { createHash } from 'node:crypto';
import { type Pointer, RELEASE_ID } from '../../lib/release/contract.ts';

/** One release's part in a pointer: the paths for which visitors are led to its files. */
export interface Layer {
  /** The release. */
  readonly id: string;
  /** As in the pointer. Holds all its paths, and by chance some others: see `setOf`. */
  readonly set: string;
}

/** Where a path may stand in any set: the sixteen numbers that its SHA-256 is made of. */
export type Places = Uint16Array;

/** A SHA-256 has sixteen numbers of two bytes, so a set asks for sixteen places at most. */
const MOST_PLACES = 16;
const BITS_PER_CHARACTER = 6;

/**
 * `+` counts as a space, so that `a+b.html` and `a b.html` are found in the same layer whichever of the two an address
 * means to S3. The router has encoded the plus since, and pointers that are live were made so.
 */
export function placesOf(path: string): Places {
  const digest = createHash('sha256').update(path.replaceAll('+', ' ')).digest();
  const places = new Uint16Array(MOST_PLACES);
  for (let index = 0; index < MOST_PLACES; index += 1)
    places[index] = digest.readUInt16BE(2 * index);
  return places;
}

/**
 * A Bloom filter as text: how many places of a path are asked for, then six bits a character.
 *
 * It holds every member. Of other paths it holds a share, less the longer it is: about 1 in 15,000 at
 * 20 bits for each member, 1 in 320 at 12. Much shorter than the hashes of many members, and
 * a path is looked up in the same few steps whatever their number.
 *
 * @param characters of the text, at least 2
 */
export function setOf(members: readonly Places[], characters: number): string {
  const values = new Uint8Array(characters - 1);
  const size = values.length * BITS_PER_CHARACTER;
  const ideal = Math.round((Math.LN2 * size) / Math.max(1, members.length));
  const asked = Math.min(MOST_PLACES, Math.max(1, ideal));
  for (const places of members) {
    for (let index = 0; index < asked; index += 1) {
      const place = (places[index] as number) % size;
      const at = Math.floor(place / BITS_PER_CHARACTER);
      values[at] = (values[at] as number) | (1 << (place % BITS_PER_CHARACTER));
    }
  }
  return String.fromCharCode(codeOf(asked), ...Array.from(values, codeOf));
}

/** From `0` to `o`. JSON doubles the one backslash among them, one character in 64. */
const FIRST_CODE = 48;
const codeOf = (value: number): number => FIRST_CODE + value;
const bitsOf = (code: number): number => code - FIRST_CODE;

/** What the router asks, in the same way. */
export function holds(set: string, places: Places): boolean {
  const size = (set.length - 1) * BITS_PER_CHARACTER;
  for (let index = bitsOf(set.charCodeAt(0)) - 1; index >= 0; index -= 1) {
    const place = (places[index] as number) % size;
    const value = bitsOf(set.charCodeAt(1 + Math.floor(place / BITS_PER_CHARACTER)));
    if (((value >> (place % BITS_PER_CHARACTER)) & 1) === 0) return false;
  }
  return true;
}

/** The first layer that holds the path, newest first; -1: the base serves it. */
export const layerFor = (layers: readonly Layer[], places: Places): number =>
  layers.findIndex(({ set }) => holds(set, places));

/** Without what `id` and the layer's name begin with alike: the router takes that from `id`. */
function shortened(name: string, id: string): string {
  let same = 0;
  while (same < name.length - 1 && name[same] === id[same]) same += 1;
  return name.slice(same);
}

/** Only names as long as the pointer's own can be shortened, and so be told. */
export const canBeNamed = (name: string, id: string): boolean => name.length === id.length;

export const deltaOf = (id: string, layers: readonly Layer[]): string =>
  layers.map((layer) => `${shortened(layer.id, id)} ${layer.set}`).join(' ');

/** The layers in a pointer, or nothing if `delta` is not as `deltaOf` writes it. */
export function layersOf({ id, delta }: Pointer): Layer[] | undefined {
  if (delta === '') return [];
  const parts = delta.split(' ');
  const layers: Layer[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const [name = '', set = ''] = parts.slice(index, index + 2);
    const layer = { id: id.slice(0, Math.max(0, id.length - name.length)) + name, set };
    const asked = bitsOf(set.charCodeAt(0));
    if (!/^[0-o]{2,}$/.test(set) || asked < 1 || asked > MOST_PLACES) return undefined;
    if (!RELEASE_ID.test(layer.id)) return undefined;
    layers.push(layer);
  }
  return layers;
}
