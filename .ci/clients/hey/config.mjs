export default {
  input: 'openapi.yaml',
  output: { path: '.ci/clients/hey/api', module: { extension: '.js' } },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
}
