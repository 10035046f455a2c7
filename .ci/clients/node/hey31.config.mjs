import configs from './hey.config.mjs'

// The client of hey.config.mjs, from the contract in OpenAPI 3.1.
export default { ...configs[0], input: 'gen/spec/openapi-3.1.json', output: { ...configs[0].output, path: 'bin/clients/hey31' } }
