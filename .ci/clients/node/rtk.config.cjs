module.exports = {
  schemaFile: '../../../openapi.yaml',
  apiFile: './rtk.base.ts',
  apiImport: 'base',
  outputFile: './api/rtk.ts',
  exportName: 'api',
  esmExtensions: true,
}
