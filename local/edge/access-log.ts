import type { Properties, ViewerRequest, ViewerResponse } from './types.ts';

/** One request that was answered, with what its line in the access log may say. */
export interface Exchange {
  readonly request: ViewerRequest;
  readonly response: Pick<ViewerResponse, 'status' | 'headers'>;
  /** The path pattern of the behavior that served it. */
  readonly pattern: string;
  /** What the viewer-request function gave to `cf.logCustomData`. */
  readonly logData: string | undefined;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** With the headers. */
  readonly sentBytes: number;
}

/** A resource of the template, as the rest of the local run knows it. */
interface Named {
  readonly logicalId: string;
  readonly ref: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly properties: Properties;
}

export interface AccessLogInput {
  /** Of the only distribution. */
  readonly distributionArn: string;
  /** AWS::Logs::DeliverySource, AWS::Logs::DeliveryDestination, AWS::Logs::Delivery. */
  readonly source: Named;
  readonly destination: Named;
  readonly delivery: Named;
  /** Whether `delivery.logs.amazonaws.com` may put an object there on behalf of the source. */
  mayPut(bucket: string, key: string, sourceArn: string): boolean;
}

/**
 * How CloudFront writes an exchange down, by the template's delivery of access logs to S3: the fields that it names, in
 * its order, as a line of JSON. What cannot be known on one machine is `-`, as what does not apply is.
 *
 * Source: "Standard logging reference" and "Configure standard logging (v2)", CloudFront Developer Guide.
 *
 * @throws Error naming resource, property and value of what is not known here, or would never be delivered there
 */
export function accessLogFormat(input: AccessLogInput): (exchange: Exchange) => string {
  const { source, destination, delivery } = input;
  expectValue(source, 'AWS::Logs::DeliverySource', 'LogType', 'ACCESS_LOGS');
  expectValue(source, 'AWS::Logs::DeliverySource', 'ResourceArn', input.distributionArn);
  expectValue(destination, 'AWS::Logs::DeliveryDestination', 'OutputFormat', 'json');
  expectValue(delivery, 'AWS::Logs::Delivery', 'DeliverySourceName', source.properties.Name);
  expectValue(
    delivery,
    'AWS::Logs::Delivery',
    'DeliveryDestinationArn',
    destination.attributes.Arn ?? '',
  );

  const arn = String(destination.properties.DestinationResourceArn);
  const [bucket = '', ...prefix] = arn.replace(/^arn:aws:s3:::/, '').split('/');
  const sourceArn = source.attributes.Arn ?? '';
  if (!input.mayPut(bucket, [...prefix, '2026/01/01/log.gz'].join('/'), sourceArn)) {
    throw new Error(
      `${destination.logicalId} (AWS::Logs::DeliveryDestination): DestinationResourceArn: got ${arn}; no bucket's policy lets delivery.logs.amazonaws.com write there for ${sourceArn}`,
    );
  }

  const fields = (delivery.properties.RecordFields as string[]).map((name) => {
    const value = FIELDS[name];
    if (value) return [name, value] as const;
    throw new Error(
      `${delivery.logicalId} (AWS::Logs::Delivery): RecordFields: got ${JSON.stringify(name)}; the local edge knows ${Object.keys(FIELDS).join(', ')}`,
    );
  });
  return (exchange) =>
    JSON.stringify(
      Object.fromEntries(fields.map(([name, value]) => [name, value(exchange) || NOTHING])),
    );
}

const NOTHING = '-';

/** "CloudFront truncates any data above 800 bytes after URL-encoding." */
const MOST_LOG_DATA = 800;

const FIELDS: Readonly<Record<string, (exchange: Exchange) => string | undefined>> = {
  date: ({ endedAt }) => new Date(endedAt).toISOString().slice(0, 10),
  time: ({ endedAt }) => new Date(endedAt).toISOString().slice(11, 19),
  'x-edge-location': ({ response }) => of(response, 'x-amz-cf-pop'),
  'c-country': () => NOTHING,
  'c-ip': ({ request }) => request.ip,
  'x-forwarded-for': ({ request }) => of(request, 'x-forwarded-for'),
  'cs-method': ({ request }) => request.method,
  'x-host-header': ({ request }) => of(request, 'host'),
  'cs-uri-stem': ({ request }) => encodeURI(request.target.replace(/\?.*$/s, '')),
  'cs-protocol-version': ({ request }) => `HTTP/${request.httpVersion}`,
  'cs(Referer)': ({ request }) => encoded(of(request, 'referer')),
  'cs(User-Agent)': ({ request }) => encoded(of(request, 'user-agent')),
  'sc-status': ({ response }) => String(response.status),
  'sc-bytes': ({ sentBytes }) => String(sentBytes),
  'sc-content-type': ({ response }) => encoded(of(response, 'content-type')),
  'time-taken': ({ startedAt, endedAt }) => ((endedAt - startedAt) / 1000).toFixed(3),
  'x-edge-result-type': ({ response }) => resultOf(response),
  'x-edge-detailed-result-type': ({ response }) => resultOf(response),
  'x-edge-request-id': ({ response }) => of(response, 'x-amz-cf-id'),
  'cache-behavior-path-pattern': ({ pattern }) => pattern,
  'viewer-request-log-data': ({ logData }) =>
    logData && encodeURIComponent(logData).slice(0, MOST_LOG_DATA),
};

function of(
  { headers }: { readonly headers: Readonly<Record<string, string | readonly string[]>> },
  name: string,
): string | undefined {
  return headers[name] && [headers[name]].flat().join(', ');
}

const encoded = (text: string | undefined): string | undefined => text && encodeURI(text);

/** `Hit from cloudfront`: the same word. */
const resultOf = (response: Exchange['response']): string | undefined =>
  of(response, 'x-cache')?.split(' ')[0];

function expectValue(
  { logicalId, properties }: Named,
  type: string,
  property: string,
  known: string,
): void {
  const got = properties[property];
  if (got === known) return;
  throw new Error(
    `${logicalId} (${type}): ${property}: got ${JSON.stringify(got)}; the local edge knows ${known}`,
  );
}
