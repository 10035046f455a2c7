// Compares the names of examples: those of a response's body with those of its required headers, or those
// of an operation's request body with those of its responses.
export default function namedExamples(target, { compare }) {
  const missing = (names, from, where) =>
    [...names].filter((name) => !from.has(name)).map((name) => ({ message: `${where} has no example named ${name}` }))
  const bodies = (part) => new Set(Object.values(part?.content ?? {}).flatMap((media) => Object.keys(media.examples ?? {})))
  if (compare === 'headers') {
    return Object.entries(target.headers ?? {})
      .filter(([, header]) => header.required)
      .flatMap(([name, header]) => missing(bodies(target), new Set(Object.keys(header.examples ?? {})), name))
  }
  const answered = new Set(Object.values(target.responses).flatMap((response) => [...bodies(response)]))
  return missing(bodies(target.requestBody), answered, 'no response')
}
