import config from './config.mjs'

export default { ...config, input: 'gen/spec/openapi-3.1.json', output: { ...config.output, path: 'bin/clients/hey31' } }
