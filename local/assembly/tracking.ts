/** Notes which values of a resource's properties have been read, so that what nobody reads can be told. */
export class Tracker {
  private readonly read = new Set<string>();

  /** A view of `properties` that looks and behaves like it and remembers every value taken from it. */
  view<T extends object>(properties: T): T {
    return this.wrap(properties, '');
  }

  /** Paths such as `Rules[0].Prefix` of all values that were not read. */
  unread(properties: object): string[] {
    return leaves(properties, '').filter((path) => !this.read.has(path));
  }

  private wrap<T extends object>(target: T, path: string): T {
    return new Proxy(target, {
      get: (object, key, receiver) => {
        const value: unknown = Reflect.get(object, key, receiver);
        if (typeof key === 'symbol' || !Object.hasOwn(object, key)) return value;
        const place = join(path, key, Array.isArray(object));
        if (isBranch(value)) return this.wrap(value, place);
        this.read.add(place);
        return value;
      },
    });
  }
}

/** Something with values below it. An empty list or object is a value in itself. */
const isBranch = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;

function leaves(value: object, path: string): string[] {
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) => {
    const place = join(path, key, Array.isArray(value));
    return isBranch(item) ? leaves(item, place) : [place];
  });
}

const join = (path: string, key: string, inArray: boolean): string => {
  if (inArray) return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
};
