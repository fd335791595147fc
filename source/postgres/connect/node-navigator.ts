/**
 * At load, pg checks whether it runs on Cloudflare: by `navigator.userAgent`, or, without a navigator, by creating a
 * Response (pg/lib/stream.js). Node has a navigator since 21; on 20 the Response loads all of fetch, which is a fifth of
 * the time to the first frame. So Node 20 gets the navigator that later versions have.
 */
if (!('navigator' in globalThis)) {
  Object.defineProperty(globalThis, 'navigator', {
    value: {userAgent: `Node.js/${process.versions.node.split('.')[0]}`},
    configurable: true,
  });
}

export {};
