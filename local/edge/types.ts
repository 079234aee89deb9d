import type { Exchange } from './access-log.ts';

/**
 * What the edge and its neighbours on this machine agree on: the edge asks for objects and keys
 * through these, and never learns who answers.
 */

/** S3 as the edge sees it, in process. A rejection stands for an origin that cannot be reached. */
export interface OriginReader {
  read(
    originDomainName: string,
    method: 'GET' | 'HEAD',
    /** With its leading slash, percent-encoded as the visitor sent it, never normalised. */
    path: string,
    headers: OriginRequestHeaders,
  ): Promise<OriginResponse>;
}

export interface OriginRequestHeaders {
  readonly range?: string;
  readonly 'if-none-match'?: string;
  readonly 'if-modified-since'?: string;
}

/** An S3 REST answer, its errors included. */
export interface OriginResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A key-value store as the functions at the edge see it. A rejection stands for a failing store. */
export interface KeyValueReader {
  get(key: string): Promise<string | undefined>;
}

/** The resolved resources of one distribution, as CloudFormation spells their properties. */
export interface EdgeInput {
  readonly distribution: {
    readonly logicalId: string;
    readonly id: string;
    readonly domainName: string;
    readonly properties: Properties;
  };
  /** The template's own policies by id: properties of AWS::CloudFront::CachePolicy. */
  readonly cachePolicies: ReadonlyMap<string, Properties>;
  /** The template's own policies by id: properties of AWS::CloudFront::ResponseHeadersPolicy. */
  readonly responseHeadersPolicies: ReadonlyMap<string, Properties>;
  /** By ARN. */
  readonly functions: ReadonlyMap<string, { logicalId: string; properties: Properties }>;
  /** By ARN. */
  readonly keyValueStores: ReadonlyMap<string, KeyValueReader>;
  readonly origin: OriginReader;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** Gets every request with its answer, when that has left. @default nobody */
  readonly accessLog?: (exchange: Exchange) => void;
  /** What CloudFront would write to CloudWatch: function logs and failures. @default a line on stderr */
  readonly log?: (line: string) => void;
}

/** JSON whose shape is checked where it is read. */
// biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties have no type of their own here
export type Properties = any;

/** One HTTP request as it left the visitor, names of headers in lower case. */
export interface ViewerRequest {
  readonly method: string;
  /** Path and query string as sent: `/about?x=1`. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** @default '127.0.0.1' */
  readonly ip?: string;
  /** @default '1.1' */
  readonly httpVersion?: string;
}

/** What goes back to the visitor, names of headers in lower case. A HEAD has its body here too. */
export interface ViewerResponse {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Buffer;
}
