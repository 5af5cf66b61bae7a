/** The values of a schema that is a choice of texts. */
export const constants = (schema) => schema.enum ?? schema.oneOf.flatMap((choice) => choice.enum ?? choice.const);
