import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resolveIntrinsics } from './intrinsics.ts';
import { excuseFor } from './no-local-meaning.ts';
import { type Environment, isKnownType, type PhysicalIds, physicalIds } from './physical-ids.ts';
import { Tracker } from './tracking.ts';

/** One resource of the template as it stands on this machine. */
export interface Resource {
  readonly logicalId: string;
  readonly type: string;
  /** The physical id, as `Ref` gives it. */
  readonly ref: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Every intrinsic function resolved. What is read from here counts as honoured. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape is CloudFormation's, a different one for each type
  readonly properties: any;
}

interface TrackedResource extends Resource {
  readonly tracker: Tracker;
  readonly resolved: object;
}

interface Template {
  readonly Resources: Readonly<
    Record<
      string,
      { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> }
    >
  >;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

/** What is read here, and sections and attributes that only steer CloudFormation's own work, which is not done here. */
const SECTIONS = [
  'Resources',
  'Outputs',
  'Mappings',
  'Description',
  'Metadata',
  'Parameters',
  'Rules',
];
const ATTRIBUTES = [
  'Type',
  'Properties',
  'DependsOn',
  'DeletionPolicy',
  'UpdateReplacePolicy',
  'Metadata',
];

interface AssemblyManifest {
  readonly artifacts: Readonly<
    Record<
      string,
      {
        readonly type: string;
        readonly environment?: string;
        readonly dependencies?: readonly string[];
        readonly properties?: {
          readonly templateFile?: string;
          readonly stackName?: string;
          readonly file?: string;
        };
      }
    >
  >;
}

/** No account is asked: this is the one in AWS's own examples. */
const LOCAL_ACCOUNT = '123456789012';

/**
 * A synthesised app, read the way CloudFormation would: the template's resources with their ids on
 * this machine, and the files of its assets.
 */
export class Assembly {
  readonly stackName: string;
  readonly environment: Environment;
  /** The stack's outputs, resolved. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** All of them, in the template's order. */
  readonly resources: readonly TrackedResource[];
  private readonly assets: ReadonlyMap<string, string>;

  /**
   * @param directory - what `cdk synth` wrote
   * @param environment - which of its stacks; without one production's
   * @throws Error where there is no such stack, or the template uses what is not known here
   */
  constructor(directory: string, environment?: string) {
    const manifest = readJson<AssemblyManifest>(join(directory, 'manifest.json'));
    const [name, stack] = stackOf(directory, manifest, environment);
    if (!stack.properties?.templateFile) throw new Error(`${directory}: ${name} has no template`);
    assertWhole(directory, name, manifest);
    this.stackName = stack.properties.stackName ?? name;
    this.environment = {
      accountId: LOCAL_ACCOUNT,
      region: regionOf(stack.environment),
    };
    const template = readJson<Template>(join(directory, stack.properties.templateFile));
    assertKnownParts(template);
    this.assets = assetsOf(directory, manifest);

    const ids = new Map<string, PhysicalIds>(
      Object.entries(template.Resources).map(([logicalId, { Type, Properties = {} }]) => [
        logicalId,
        physicalIds(Type, this.stackName, logicalId, Properties, this.environment),
      ]),
    );
    const references = {
      ref: (of: string) => this.pseudoParameter(of) ?? known(ids, of).ref,
      attribute: (of: string, attribute: string) => {
        const value = known(ids, of).attributes[attribute];
        if (value !== undefined) return value;
        const type = template.Resources[of]?.Type;
        throw new Error(
          `${of} (${type}): the attribute ${attribute} is not known to the local run`,
        );
      },
      inMap: (mapping: string, top: string, second: string) => {
        const found = Object.entries(template.Mappings?.[mapping]?.[top] ?? {});
        const value = found.find(([key]) => key === second)?.[1];
        if (value !== undefined) return value;
        throw new Error(`${mapping}: the template has no ${top}.${second} in this mapping`);
      },
    };

    this.resources = Object.entries(template.Resources).map(
      ([logicalId, { Type, Properties = {} }]) => {
        const place = `${logicalId} (${Type})`;
        const resolved = resolveIntrinsics(Properties, references, place) as object;
        const tracker = new Tracker();
        return {
          logicalId,
          type: Type,
          ...known(ids, logicalId),
          properties: tracker.view(resolved),
          tracker,
          resolved,
        };
      },
    );
    this.outputs = Object.fromEntries(
      Object.entries(template.Outputs ?? {}).map(([output, { Value }]) => [
        output,
        resolveIntrinsics(Value, references, `output ${output}`),
      ]),
    );
  }

  /** All resources of a type, in the template's order. */
  ofType(type: string): readonly Resource[] {
    return this.resources.filter((resource) => resource.type === type);
  }

  /**
   * The only resource of a type.
   *
   * @throws Error where there are none or several
   */
  theOnly(type: string): Resource {
    const [resource, ...others] = this.ofType(type);
    if (resource && others.length === 0) return resource;
    const got = this.ofType(type).map(({ logicalId }) => logicalId);
    throw new Error(`${type}: got ${got.join(', ') || 'none'}; the local run takes exactly one`);
  }

  /** The folder that holds a Lambda function's bundle, from the key that the template has for it. */
  assetFolder(s3Key: string): string {
    const folder = this.assets.get(s3Key);
    if (folder) return folder;
    throw new Error(`${s3Key}: no such asset in the cloud assembly`);
  }

  /**
   * What the template asks for and nobody has read: to be called when everything is up.
   *
   * @throws Error naming each resource and property, all of them together
   */
  assertAllHonoured(): void {
    const problems = this.unread()
      .filter(({ excuse }) => !excuse)
      .map(({ place, path }) => `  - ${place}: ${path}`);
    if (problems.length === 0) return;
    throw new Error(
      [
        'The template asks for what the local run does not do:',
        ...problems,
        'Teach it to (local/), or say in local/assembly/no-local-meaning.ts why it means nothing here.',
      ].join('\n'),
    );
  }

  /** Every property that nobody has read, with the entry of `no-local-meaning.ts` that excuses it. */
  unread(): { place: string; path: string; excuse: string | undefined }[] {
    return this.resources.flatMap(({ logicalId, type, tracker, resolved }) => {
      const place = `${logicalId} (${type})`;
      const excuse = excuseFor(type);
      // Of an unknown type not one property is known: nobody here has heard of such a thing.
      if (excuse || !isKnownType(type)) return [{ place, path: 'the whole resource', excuse }];
      return tracker
        .unread(resolved)
        .map((path) => ({ place, path, excuse: excuseFor(type, path) }));
    });
  }

  private pseudoParameter(name: string): string | undefined {
    const { accountId, region } = this.environment;
    const values: Record<string, string> = {
      'AWS::AccountId': accountId,
      'AWS::Region': region,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': this.stackName,
    };
    return values[name];
  }
}

/** Production's stack, whose name all others begin with, or `NAME-environment`. */
function stackOf(
  directory: string,
  { artifacts }: AssemblyManifest,
  environment: string | undefined,
): [name: string, stack: AssemblyManifest['artifacts'][string]] {
  const stacks = Object.entries(artifacts).filter(
    ([, { type }]) => type === 'aws:cloudformation:stack',
  );
  const names = stacks.map(([name]) => name);
  const production = names.find((name) =>
    names.every((other) => other === name || other.startsWith(`${name}-`)),
  );
  if (production === undefined) {
    throw new Error(
      `${directory}: got the stacks ${names.join(', ') || 'none'}; the local run takes one, and others that are named after it`,
    );
  }
  const wanted = environment === undefined ? production : `${production}-${environment}`;
  const found = stacks.find(([name]) => name === wanted);
  if (found) return found;
  const others = names.filter((name) => name !== production);
  const known = others.map((name) => name.slice(production.length + 1)).join(', ');
  throw new Error(
    `--environment: got "${environment}"; site.config.ts has ${known || 'no environments besides production'}`,
  );
}

/** Bringing up a site without the part of it that is in another stack would pass that over in silence. */
function assertWhole(directory: string, name: string, { artifacts }: AssemblyManifest): void {
  const parts = Object.entries(artifacts).filter(
    ([, { type, dependencies = [] }]) =>
      type === 'aws:cloudformation:stack' && dependencies.includes(name),
  );
  if (parts.length === 0) return;
  throw new Error(
    `${directory}: got ${parts.map(([id]) => id).join(', ')} as a part of another stack; the local run takes a site that is one stack: synthesise with AWS_REGION=us-east-1`,
  );
}

function readJson<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (cause) {
    throw new Error(`${file}: not readable; is this what 'cdk synth' wrote?`, { cause });
  }
}

/** `aws://unknown-account/us-east-1`. A stack for any Region is taken to be in us-east-1. */
function regionOf(environment = ''): string {
  const region = environment.split('/').at(-1) ?? '';
  return /^[a-z]{2}(-[a-z]+)+-\d$/.test(region) ? region : 'us-east-1';
}

/** A condition or a mapping that is passed over would bring up another stack than the one deployed. */
function assertKnownParts(template: Template): void {
  const unknown = [
    ...Object.keys(template).filter((section) => !SECTIONS.includes(section)),
    ...Object.entries(template.Resources).flatMap(([logicalId, resource]) =>
      Object.keys(resource)
        .filter((attribute) => !ATTRIBUTES.includes(attribute))
        .map((attribute) => `${logicalId} (${resource.Type}): ${attribute}`),
    ),
  ];
  if (unknown.length > 0) {
    throw new Error(`The template has what the local run does not know: ${unknown.join('; ')}`);
  }
}

function known(ids: ReadonlyMap<string, PhysicalIds>, logicalId: string): PhysicalIds {
  const found = ids.get(logicalId);
  if (found) return found;
  throw new Error(`${logicalId}: the template refers to it and does not have it`);
}

interface AssetManifest {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: { readonly path: string; readonly packaging: string };
        readonly destinations: Readonly<Record<string, { readonly objectKey: string }>>;
      }
    >
  >;
}

function assetsOf(directory: string, manifest: AssemblyManifest): Map<string, string> {
  const files = Object.values(manifest.artifacts)
    .filter(({ type }) => type === 'cdk:asset-manifest')
    .flatMap(({ properties }) => (properties?.file ? [properties.file] : []));
  return new Map(
    files
      .flatMap((file) => Object.values(readJson<AssetManifest>(join(directory, file)).files))
      .flatMap(({ source, destinations }) =>
        Object.values(destinations).map(({ objectKey }): [string, string] => [
          objectKey,
          join(directory, source.path),
        ]),
      ),
  );
}
