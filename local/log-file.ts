import { appendFileSync, renameSync, statSync } from 'node:fs';

/** A log that has grown to so many bytes is put aside: at most twice as many are ever kept. */
const MOST_BYTES = 16 * 1024 ** 2;

/** Puts a log that has grown too large aside as `NAME.1`, in place of what was there. */
export function putAside(file: string, mostBytes = MOST_BYTES): void {
  if (sizeOf(file) >= mostBytes) renameSync(file, `${file}.1`);
}

/** Appends to a log that is put aside when it has grown too large. Synchronous: what was said is there. */
export function appendTo(file: string, mostBytes = MOST_BYTES): (text: string) => void {
  let size = sizeOf(file);
  return (text) => {
    if (size >= mostBytes) {
      // Somebody else may have removed it meanwhile.
      putAside(file, mostBytes);
      size = sizeOf(file);
    }
    appendFileSync(file, text);
    size += Buffer.byteLength(text);
  };
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
