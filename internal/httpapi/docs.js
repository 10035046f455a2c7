// The page asks for the token once. The contract describes it twice, because some clients send
// the token without a scheme.
function askOnceForToken() {
  return { statePlugins: { spec: { wrapActions: { updateJsonSpec: (update) => (contract) => {
    const { bareToken, ...securitySchemes } = contract.components.securitySchemes
    const security = contract.security.filter((requirement) => !('bareToken' in requirement))
    return update({ ...contract, security, components: { ...contract.components, securitySchemes } })
  } } } } }
}
