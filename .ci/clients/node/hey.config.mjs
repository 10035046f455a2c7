const generate = (path, ...plugins) => ({
  input: 'openapi.yaml',
  output: { path: `.ci/clients/node/api/${path}`, module: { extension: '.js' } },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', ...plugins],
})

export default [
  generate('hey', '@hey-api/sdk'),
  generate('zod', { name: '@hey-api/sdk', validator: true }, 'zod'),
]
