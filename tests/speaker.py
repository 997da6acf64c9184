"""Somebody who speaks GraphQL over real HTTP."""

import json
from typing import Any

import httpx

Json = dict[str, Any]


class Speaker:
    """A client with a key; `ask` wants an answer, `told` takes the whole response."""

    def __init__(self, client: httpx.AsyncClient, key: str | None, **headers: str) -> None:
        self.client = client
        self.headers = {**headers, **({"Authorization": f"Bearer {key}"} if key else {})}

    async def post(self, body: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json", **self.headers}
        return await self.client.post("/graphql", content=json.dumps(body), headers=headers)

    async def told(self, query: str, **variables: Any) -> Json:
        """The whole answer, errors and all."""
        response = await self.post({"query": query, "variables": variables})
        return dict(response.json())

    async def ask(self, query: str, **variables: Any) -> Json:
        """The data of an answer without errors."""
        answer = await self.told(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    async def do(self, deed: str, selection: str, said: Json) -> Json:
        """The outcome of one mutation: its `__typename`, a refusal's reason and message, or the selection."""
        kind = deed[0].upper() + deed[1:] + "Input"
        document = f"""
            mutation Deed($input: {kind}!) {{
              {deed}(input: $input) {{ __typename ... on Refusal {{ reason message }} {selection} }}
            }}"""
        return dict((await self.ask(document, input=said))[deed])

    async def claim(self, text: str = "HELLO-15", email: str = "ada@example.com", **more: Any) -> Json:
        """The outcome of a claim."""
        selection = """... on CodeClaimed { replayed exchangeToken
          claim { id status discount { amount currency } order { reference total { amount } quantity } } }"""
        return await self.do("claimCode", selection, {"text": text, "customer": {"email": email}, **more})
