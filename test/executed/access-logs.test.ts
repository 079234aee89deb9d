import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { routerCode } from '../../lib/hosting/edge/code.ts';
import {
  type AccessLogInput,
  accessLogFormat,
  type Exchange,
} from '../../local/edge/access-log.ts';
import { compileEdgeFunction } from '../../local/edge/function-sandbox.ts';

const config = { name: 'a-site', source: { kind: 'codecommit', branch: 'main' } } as const;
const CODE = routerCode({ ...config, accessLogs: { days: 90, ipAddresses: false } });
const ID = '20261123T061500Z-1a2b3c4';
const POINTER = JSON.stringify({ id: ID, base: '20261101T000000Z-3333333', delta: '' });

/** What the router says of a request to the access log; nothing before the first release. */
type LogDataOf = (uri: string, live?: string) => Promise<string[]>;

const inSandbox: LogDataOf = async (uri, live) => {
  const told: string[] = [];
  const keyValueStore = { get: async () => live };
  const event = { request: { method: 'GET', uri, headers: {}, querystring: {} } };
  await compileEdgeFunction({ code: CODE, keyValueStore }).run(event, undefined, (text) =>
    told.push(text),
  );
  return told;
};

const folder = mkdtempSync(join(tmpdir(), 'access-logs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const inNjs: LogDataOf = async (uri, live) => {
  writeFileSync(
    join(folder, 'cloudfront'),
    `const live = ${live ?? 'undefined'};
     export default {
       kvs() { return {
         async get() { if (!live) throw new Error('no such key'); return live; },
         async exists() { return !!live; },
       }; },
       logCustomData(text) { console.log('TOLD ' + text); },
     };`,
  );
  const event = JSON.stringify({ request: { method: 'GET', uri, headers: {}, querystring: {} } });
  writeFileSync(join(folder, 'router.js'), `${CODE}\nhandler(${event}).then(() => {});`);
  const output = execFileSync('njs', ['-p', folder, join(folder, 'router.js')]).toString();
  return [...output.matchAll(/^TOLD (.*)$/gm)].map(([, text]) => String(text));
};

describe.each<[string, boolean, LogDataOf]>([
  ['node:vm', true, inSandbox],
  ['njs', spawnSync('njs', ['-v']).status === 0, inNjs],
])('the router in %s', (_, present, logDataOf) => {
  test.runIf(present).each(['/', '/about', '/no-such.txt', '/.well-known/release'])(
    'says once which release is live: %s',
    async (uri) => {
      expect(await logDataOf(uri, POINTER)).toEqual([ID]);
    },
  );

  test.runIf(present)('says nothing before the first release', async () => {
    expect(await logDataOf('/', undefined)).toEqual([]);
  });
});

test('without the option the router is what it would be without the feature', () => {
  expect(routerCode(config)).not.toContain('logCustomData');
  expect(routerCode(config)).toBe(CODE.replace('cf.logCustomData(live.id), ', ''));
});

const ACCOUNT = '123456789012';
const SOURCE = `arn:aws:logs:us-east-1:${ACCOUNT}:delivery-source:a`;
const DESTINATION = `arn:aws:logs:us-east-1:${ACCOUNT}:delivery-destination:b`;

function aDelivery(over: Record<string, unknown> = {}, mayPut = true): AccessLogInput {
  const named = (logicalId: string, Arn: string, properties: object) => ({
    logicalId,
    ref: logicalId,
    attributes: { Arn },
    properties: { ...properties, ...over },
  });
  return {
    distributionArn: 'arn:distribution',
    source: named('Source', SOURCE, {
      Name: 'a',
      LogType: 'ACCESS_LOGS',
      ResourceArn: 'arn:distribution',
    }),
    destination: named('Destination', DESTINATION, {
      Name: 'b',
      OutputFormat: 'json',
      DestinationResourceArn: 'arn:aws:s3:::bucket/some/prefix',
    }),
    delivery: named('Delivery', '', {
      DeliverySourceName: 'a',
      DeliveryDestinationArn: DESTINATION,
      RecordFields: ['c-ip', 'cs(User-Agent)', 'cs(Referer)', 'viewer-request-log-data', 'date'],
    }),
    mayPut: (bucket, key, sourceArn) =>
      mayPut && bucket === 'bucket' && key.startsWith('some/prefix/') && sourceArn === SOURCE,
  };
}

const EXCHANGE: Exchange = {
  request: {
    method: 'GET',
    target: '/',
    ip: '198.51.100.11',
    headers: { 'user-agent': 'A "person" (x; y)' },
  },
  response: { status: 200, headers: {} },
  pattern: '*',
  logData: `é ${'x'.repeat(900)}`,
  startedAt: 0,
  endedAt: 0,
  sentBytes: 0,
};

test('a line has the fields of the delivery in its order, URL-encoded, and a hyphen for nothing', () => {
  const line = accessLogFormat(aDelivery())(EXCHANGE);
  expect(line).toBe(
    `{"c-ip":"198.51.100.11","cs(User-Agent)":"A%20%22person%22%20(x;%20y)","cs(Referer)":"-","viewer-request-log-data":"%C3%A9%20${'x'.repeat(791)}","date":"1970-01-01"}`,
  );
});

test.each<[string, Record<string, unknown>, string]>([
  [
    'logs',
    { LogType: 'CONNECTION_LOGS' },
    'Source (AWS::Logs::DeliverySource): LogType: got "CONNECTION_LOGS"; the local edge knows ACCESS_LOGS',
  ],
  [
    'distribution',
    { ResourceArn: 'arn:other' },
    'Source (AWS::Logs::DeliverySource): ResourceArn: got "arn:other"; the local edge knows arn:distribution',
  ],
  [
    'format',
    { OutputFormat: 'parquet' },
    'Destination (AWS::Logs::DeliveryDestination): OutputFormat: got "parquet"; the local edge knows json',
  ],
  [
    'source',
    { DeliverySourceName: 'c' },
    'Delivery (AWS::Logs::Delivery): DeliverySourceName: got "c"; the local edge knows a',
  ],
  [
    'destination',
    { DeliveryDestinationArn: 'arn:c' },
    `Delivery (AWS::Logs::Delivery): DeliveryDestinationArn: got "arn:c"; the local edge knows ${DESTINATION}`,
  ],
  [
    'field',
    { RecordFields: ['date', 'cs-uri'] },
    'Delivery (AWS::Logs::Delivery): RecordFields: got "cs-uri"; the local edge knows date, time, ',
  ],
])('another %s is refused by name', (_, over, message) => {
  expect(() => accessLogFormat(aDelivery(over))).toThrow(message);
});

test('a bucket whose policy keeps the logs out is refused, as nobody would see on AWS', () => {
  expect(() => accessLogFormat(aDelivery({}, false))).toThrow(
    `Destination (AWS::Logs::DeliveryDestination): DestinationResourceArn: got arn:aws:s3:::bucket/some/prefix; no bucket's policy lets delivery.logs.amazonaws.com write there for ${SOURCE}`,
  );
});
