"""The GraphQL API: one schema, which schema.graphql beside this file prints."""
