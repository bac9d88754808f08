"""Embedding by any server of OpenAI's `POST /embeddings`: OpenAI, Ollama, vLLM, text-embeddings-inference.

Source: https://platform.openai.com/docs/api-reference/embeddings/create
"""
