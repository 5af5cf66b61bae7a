/** The values of a schema that is a choice of texts. */
export const constants: (schema: unknown) => string[];
