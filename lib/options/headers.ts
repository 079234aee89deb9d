import * as v from 'valibot';
import { options, wholeNumber } from './checks.ts';

/** What CloudFront adds to the answers, on their way to the browser. */
export interface HeadersConfig {
  /**
   * The Content-Security-Policy of every page, up to 1,783 characters.
   *
   * The default lets a page load from its own origin only (images also from `data:` URLs) and
   * refuses inline scripts and styles. Name other origins here, such as those of analytics or fonts.
   *
   * @default DEFAULT_CONTENT_SECURITY_POLICY
   */
  readonly contentSecurityPolicy?: string;

  /**
   * The Permissions-Policy of every page, such as `camera=(), geolocation=(self)`: which features of the browser the
   * page and the frames in it may use.
   *
   * @default - no such header: the browser's own rules
   */
  readonly permissionsPolicy?: string;

  /**
   * Who may show a page in a frame, for browsers that do not read `frame-ancestors` in the content security policy.
   * `off` sends no header; a site that others may frame has to change `frame-ancestors` as well.
   *
   * @default 'sameorigin'
   */
  readonly frameOptions?: 'sameorigin' | 'deny' | 'off';

  /**
   * How much of a page's address other sites learn when a visitor follows a link to them.
   *
   * @default 'strict-origin-when-cross-origin'
   */
  readonly referrerPolicy?: (typeof REFERRER_POLICIES)[number];

  /**
   * How long a browser that was here once never asks without TLS again.
   *
   * @default { days: 365, includeSubdomains: false, preload: false }
   */
  readonly strictTransportSecurity?: StrictTransportSecurity;

  /**
   * Whether search engines may show what they find here; `noindex` asks them not to, in the X-Robots-Tag of every
   * answer, files of the pool included.
   *
   * @default 'index'
   */
  readonly robots?: 'index' | 'noindex';

  /**
   * Headers of the site's own, by name, in every answer, files of the pool included: `{ 'X-Team': 'web' }`.
   *
   * CloudFront takes ten headers a policy, of which this template needs up to three.
   *
   * @default {}
   */
  readonly custom?: Readonly<Record<string, string>>;
}

export interface StrictTransportSecurity {
  /**
   * From 0, which makes browsers forget it, to 3,650.
   *
   * @default 365
   */
  readonly days?: number;
  /**
   * Whether it holds for all names below the site's, which may belong to others in the owner's organisation.
   *
   * @default false
   */
  readonly includeSubdomains?: boolean;
  /**
   * Whether browsers may ship with the name in their list (https://hstspreload.org), from which it is hard to get out. Needs
   * `includeSubdomains` and at least 365 days.
   *
   * @default false
   */
  readonly preload?: boolean;
}

/**
 * Everything from the site's own origin, nothing inline, no plug-ins, no framing by others: what a
 * site that is built from files of its own needs, and no more.
 */
export const DEFAULT_CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ');

const REFERRER_POLICIES = [
  'no-referrer',
  'no-referrer-when-downgrade',
  'origin',
  'origin-when-cross-origin',
  'same-origin',
  'strict-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
] as const;

/** What has an option of its own or a place elsewhere: CloudFront refuses the first five as custom headers. */
const TAKEN: Readonly<Record<string, string>> = {
  'content-security-policy': 'use contentSecurityPolicy',
  'strict-transport-security': 'use strictTransportSecurity',
  'x-frame-options': 'use frameOptions',
  'referrer-policy': 'use referrerPolicy',
  'x-content-type-options': 'leave it out: every page has it',
  'x-xss-protection': 'leave it out: no browser has heeded it for years, and it did harm',
  'permissions-policy': 'use permissionsPolicy',
  'x-robots-tag': "use robots: 'noindex'",
  'cache-control': 'leave it out: it is what makes a release visible at once',
};

/** "Restrictions on edge functions" and "Understand response headers policies", CloudFront Developer Guide. */
const NOT_OURS =
  /^(accept-ranges|access-control-.*|age|allow|alt-svc|connection|content-encoding|content-length|content-range|content-type|date|etag|expect|keep-alive|last-modified|location|proxy-.*|server|set-cookie|te|trailer|transfer-encoding|upgrade|vary|via|warning|x-accel-.*|x-amz-.*|x-amzn-.*|x-cache|x-edge-.*|x-forwarded-proto|x-real-ip)$/;

/** Of ten, less Cache-Control, Permissions-Policy and X-Robots-Tag. */
const MOST_CUSTOM = 7;

const line = (most: number, instead: string) =>
  v.pipe(v.string(instead), v.regex(new RegExp(`^(?=.*\\S)[\\x20-\\x7e]{1,${most}}$`), instead));

const custom = v.pipe(
  v.record(
    v.pipe(
      v.string(),
      v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'use a name such as X-Team'),
      v.check(
        (name) => !(name.toLowerCase() in TAKEN) && !NOT_OURS.test(name.toLowerCase()),
        ({ input }) =>
          TAKEN[input.toLowerCase()] ??
          'leave it out: it belongs to CloudFront, or has a setting of its own there',
      ),
    ),
    line(1_000, 'use 1 to 1,000 ASCII characters on one line'),
    "use names and values, such as { 'X-Team': 'web' }",
  ),
  v.check(
    (headers) => Object.keys(headers).length <= MOST_CUSTOM,
    `use at most ${MOST_CUSTOM} headers`,
  ),
  v.check(
    (headers) =>
      new Set(Object.keys(headers).map((name) => name.toLowerCase())).size ===
      Object.keys(headers).length,
    'name every header once, whatever its case',
  ),
  v.readonly(),
);

const DAYS = 'use a whole number of days from 0 to 3650';

const yesOrNo = v.optional(v.boolean('use true or false'), false);

export const headers = options({
  contentSecurityPolicy: v.optional(
    // The limit of a response headers policy; a line break would end the header.
    line(1_783, 'use 1 to 1,783 ASCII characters on one line, such as "default-src \'self\'"'),
    DEFAULT_CONTENT_SECURITY_POLICY,
  ),
  permissionsPolicy: v.optional(
    line(1_783, 'use 1 to 1,783 ASCII characters on one line, such as "camera=()"'),
  ),
  frameOptions: v.optional(
    v.picklist(['sameorigin', 'deny', 'off'], "use 'sameorigin', 'deny' or 'off'"),
    'sameorigin',
  ),
  referrerPolicy: v.optional(
    v.picklist(REFERRER_POLICIES, `use one of ${REFERRER_POLICIES.join(', ')}`),
    'strict-origin-when-cross-origin',
  ),
  strictTransportSecurity: v.optional(
    v.pipe(
      options({
        days: wholeNumber(0, 3_650, 365, DAYS),
        includeSubdomains: yesOrNo,
        preload: yesOrNo,
      }),
      v.check(
        ({ preload, includeSubdomains, days }) => !preload || (includeSubdomains && days >= 365),
        'preload needs includeSubdomains: true and at least 365 days',
      ),
    ),
    {},
  ),
  robots: v.optional(v.picklist(['index', 'noindex'], "use 'index' or 'noindex'"), 'index'),
  custom: v.optional(custom, {}),
});
