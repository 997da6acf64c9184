"""A GraphQL client over real HTTP, for tests."""

import json
from typing import Any

import httpx

Json = dict[str, Any]


class GraphQLClient:
    """An HTTP client with an API key, or without one; more headers by name."""

    def __init__(self, client: httpx.AsyncClient, key: str | None, **headers: str) -> None:
        self.client = client
        self.headers = {**headers, **({"Authorization": f"Bearer {key}"} if key else {})}

    async def post(self, body: Any) -> httpx.Response:
        """The HTTP response to a body."""
        headers = {"Content-Type": "application/json", **self.headers}
        return await self.client.post("/graphql", content=json.dumps(body), headers=headers)

    async def execute(self, query: str, **variables: Any) -> Json:
        """The whole response, errors and all."""
        response = await self.post({"query": query, "variables": variables})
        return dict(response.json())

    async def ask(self, query: str, **variables: Any) -> Json:
        """The data of a response without errors."""
        response = await self.execute(query, **variables)
        assert "errors" not in response, response["errors"]
        return dict(response["data"])

    async def mutate(self, mutation: str, selection: str, input: Json) -> Json:
        """The outcome of one mutation: its `__typename`, a refusal's reason and message, or the selection."""
        type_name = mutation[0].upper() + mutation[1:] + "Input"
        document = f"""
            mutation Mutate($input: {type_name}!) {{
              {mutation}(input: $input) {{ __typename ... on Refusal {{ reason message }} {selection} }}
            }}"""
        return dict((await self.ask(document, input=input))[mutation])

    async def claim(self, text: str = "HELLO-15", email: str = "ada@example.com", **more: Any) -> Json:
        """The outcome of a claim."""
        selection = """... on CodeClaimed { replayed exchangeToken
          claim { id status discount { amount currency } order { reference total { amount } quantity } } }"""
        return await self.mutate("claimCode", selection, {"text": text, "customer": {"email": email}, **more})
