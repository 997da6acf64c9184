"""The GraphQL door: one schema over everything, printed in schema.graphql beside this."""
