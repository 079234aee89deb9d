/**
 * What visitors get for a missing address when the release has no `404.html`. No style and no
 * script, which the site's content security policy might refuse.
 */
export const BUILT_IN_ERROR_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Page not found</title>
</head>
<body>
<h1>Page not found</h1>
<p>There is nothing at this address. <a href="/">Go to the start page.</a></p>
</body>
</html>
`;

/**
 * The one object that is overwritten, so caches must ask again. A minute bounds how long visitors
 * may see the page of the release before, should the invalidation never happen.
 */
export const ERROR_PAGE_CACHE_CONTROL = 'public, max-age=60';
