// The official npm clients, each made to do the tasks of ../sdks.py in its own words: a line of JSON in is a task
// ({"client", "url", "key", "model", "what", "stream"}), a line out is what the client made of the answer.
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createCohere } from "@ai-sdk/cohere";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { GoogleGenAI } from "@google/genai";
import { generateText, isStepCount, jsonSchema, Output, streamText, tool } from "ai";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { createInterface } from "node:readline";
import { z } from "zod";

const { image: IMAGE, schema: SCHEMA, weather: WEATHER, tool: TOOL, about: ABOUT, system: SYSTEM, ask: ASK, result: RESULT } =
	JSON.parse(process.argv[2]);
const Weather = z.object({ city: z.string(), degrees: z.number() });
const URL_OF_IMAGE = `data:image/png;base64,${IMAGE}`;

const told = (text, calls, usage, parsed) => ({ text: text ?? "", calls: calls ?? [], usage, parsed: parsed ?? null });

// Asks, and with tools asks again: the calls of the first answer, the text of the second.
async function turns(task, ask, answerCalls) {
	const first = await ask();
	if (task.what !== "tools")
		return first.told;
	answerCalls(first.said);
	return { ...(await ask()).told, calls: first.told.calls };
}

const limit = (task) => (task.what === "any" ? 8 : 200);

function ended(task, value, wanted) {
	if (value !== wanted && task.what !== "any")
		throw new Error(`expected ${wanted}, found ${value}`);
}

// --- openai ---

async function openaiChat(task) {
	const client = new OpenAI({ baseURL: `${task.url}/v1`, apiKey: task.key, maxRetries: 0 });
	const image = [{ type: "text", text: ASK }, { type: "image_url", image_url: { url: URL_OF_IMAGE } }];
	const messages = [{ role: "system", content: SYSTEM }, { role: "user", content: task.what === "image" ? image : ASK }];
	const body = { model: task.model, messages, max_tokens: limit(task), temperature: 0.5 };
	if (task.what === "tools")
		body.tools = [{ type: "function", function: { name: TOOL, description: ABOUT, parameters: SCHEMA } }];
	if (task.what === "schema")
		body.response_format = zodResponseFormat(Weather, "weather");
	const ask = async () => {
		let answer;
		if (task.stream)
			answer = await client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion();
		else
			answer = await client.chat.completions[task.what === "schema" ? "parse" : "create"](body);
		const said = answer.choices[0].message;
		const calls = (said.tool_calls ?? []).map((one) => [one.function.name, JSON.parse(one.function.arguments)]);
		ended(task, answer.choices[0].finish_reason, calls.length ? "tool_calls" : "stop");
		return { said, told: told(said.content, calls, [answer.usage?.prompt_tokens, answer.usage?.completion_tokens], said.parsed) };
	};
	return turns(task, ask, (said) => {
		messages.push(said);
		for (const one of said.tool_calls)
			messages.push({ role: "tool", tool_call_id: one.id, content: RESULT });
	});
}

async function openaiResponses(task) {
	const client = new OpenAI({ baseURL: `${task.url}/v1`, apiKey: task.key, maxRetries: 0 });
	const image = [{ type: "input_text", text: ASK }, { type: "input_image", image_url: URL_OF_IMAGE, detail: "auto" }];
	const input = [{ role: "user", content: task.what === "image" ? image : ASK }];
	const body = { model: task.model, input, instructions: SYSTEM, max_output_tokens: limit(task), temperature: 0.5, store: false };
	if (task.what === "tools")
		body.tools = [{ type: "function", name: TOOL, description: ABOUT, parameters: SCHEMA, strict: false }];
	if (task.what === "schema")
		body.text = { format: zodTextFormat(Weather, "weather") };
	const ask = async () => {
		let answer;
		if (task.stream && task.what === "any") // the helper takes no answer that was cut short
			for await (const one of await client.responses.create({ ...body, stream: true }))
				answer = one.response;
		else if (task.stream)
			answer = await client.responses.stream(body).finalResponse();
		else
			answer = await client.responses[task.what === "schema" ? "parse" : "create"](body);
		ended(task, answer.status, "completed");
		const calls = answer.output.filter((one) => one.type === "function_call");
		const usage = [answer.usage?.input_tokens, answer.usage?.output_tokens];
		const made = calls.map((one) => [one.name, JSON.parse(one.arguments)]);
		const text = answer.output.flatMap((one) => one.content ?? []).map((one) => one.text ?? "").join("");
		return { said: answer.output, told: told(text, made, usage, answer.output_parsed) };
	};
	return turns(task, ask, (output) => {
		input.push(...output);
		for (const one of output)
			if (one.type === "function_call")
				input.push({ type: "function_call_output", call_id: one.call_id, output: RESULT });
	});
}

// --- anthropic ---

async function anthropicMessages(task) {
	const client = new Anthropic({ baseURL: task.url, apiKey: task.key, maxRetries: 0 });
	const source = { type: "base64", media_type: "image/png", data: IMAGE };
	const image = [{ type: "text", text: ASK }, { type: "image", source }];
	const messages = [{ role: "user", content: task.what === "image" ? image : ASK }];
	const body = { model: task.model, messages, system: SYSTEM, max_tokens: limit(task), temperature: 0.5 };
	if (task.what === "tools")
		body.tools = [{ name: TOOL, description: ABOUT, input_schema: SCHEMA }];
	if (task.what === "schema")
		body.output_config = { format: zodOutputFormat(Weather) };
	const ask = async () => {
		const answer = task.stream
			? await client.messages.stream(body).finalMessage()
			: await client.messages[task.what === "schema" ? "parse" : "create"](body);
		const calls = answer.content.filter((one) => one.type === "tool_use").map((one) => [one.name, one.input]);
		ended(task, answer.stop_reason, calls.length ? "tool_use" : "end_turn");
		const text = answer.content.filter((one) => one.type === "text").map((one) => one.text).join("");
		const usage = [answer.usage.input_tokens + (answer.usage.cache_read_input_tokens ?? 0), answer.usage.output_tokens];
		return { said: answer.content, told: told(text, calls, usage, answer.parsed_output) };
	};
	return turns(task, ask, (content) => {
		const calls = content.filter((one) => one.type === "tool_use");
		messages.push({ role: "assistant", content });
		messages.push({ role: "user", content: calls.map((one) => ({ type: "tool_result", tool_use_id: one.id, content: RESULT })) });
	});
}

// --- google ---

async function googleGenai(task) {
	const client = new GoogleGenAI({ apiKey: task.key, httpOptions: { baseUrl: task.url, ...(task.version && { apiVersion: task.version }) } });
	const contents = [{ role: "user", parts: [{ text: ASK }] }];
	if (task.what === "image")
		contents[0].parts.push({ inlineData: { mimeType: "image/png", data: IMAGE } });
	const config = { systemInstruction: SYSTEM, maxOutputTokens: limit(task), temperature: 0.5 };
	if (task.what === "tools")
		config.tools = [{ functionDeclarations: [{ name: TOOL, description: ABOUT, parametersJsonSchema: SCHEMA }] }];
	if (task.what === "schema")
		Object.assign(config, { responseMimeType: "application/json", responseJsonSchema: WEATHER });
	const ask = async () => {
		const answers = [];
		if (task.stream)
			for await (const one of await client.models.generateContentStream({ model: task.model, contents, config }))
				answers.push(one);
		else
			answers.push(await client.models.generateContent({ model: task.model, contents, config }));
		const parts = answers.flatMap((one) => one.candidates?.[0]?.content?.parts ?? []);
		const calls = parts.filter((one) => one.functionCall).map((one) => [one.functionCall.name, one.functionCall.args]);
		const text = parts.filter((one) => one.text && !one.thought).map((one) => one.text).join("");
		const last = answers.at(-1), used = last.usageMetadata ?? {};
		ended(task, last.candidates[0].finishReason, "STOP");
		const parsed = task.what === "schema" ? JSON.parse(text) : null;
		return { said: parts, told: told(text, calls, [used.promptTokenCount, used.candidatesTokenCount], parsed) };
	};
	return turns(task, ask, (parts) => {
		const results = parts.filter((one) => one.functionCall).map(({ functionCall: { id, name } }) =>
			({ functionResponse: { id, name, response: { result: RESULT } } }));
		contents.push({ role: "model", parts }, { role: "user", parts: results });
	});
}

// --- ai, with its provider packages ---

const PROVIDERS = {
	"ai openai chat": ({ url, key, model }) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).chat(model),
	"ai openai responses": ({ url, key, model }) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).responses(model),
	"ai anthropic": ({ url, key, model }) => createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(model),
	// A name with a slash is a whole path to it.
	"ai google": ({ url, key, model }) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: key })(`models/${model}`),
	"ai cohere": ({ url, key, model }) => createCohere({ baseURL: `${url}/v2`, apiKey: key })(model),
	"ai bedrock": ({ url, key, model }) => createAmazonBedrock({ baseURL: url, apiKey: key, region: "us-east-1" })(model),
};

async function aiText(task) {
	const content = [{ type: "text", text: ASK }];
	if (task.what === "image")
		content.push({ type: "file", data: Buffer.from(IMAGE, "base64"), mediaType: "image/png" });
	const options = { model: PROVIDERS[task.client](task), system: SYSTEM, messages: [{ role: "user", content }],
		maxOutputTokens: limit(task), temperature: 0.5, maxRetries: 0, stopWhen: isStepCount(3) };
	if (task.client === "ai openai responses")
		options.providerOptions = { openai: { store: false } }; // else it refers to what the provider keeps
	if (task.what === "tools")
		options.tools = { [TOOL]: tool({ description: ABOUT, inputSchema: jsonSchema(SCHEMA), execute: async () => RESULT }) };
	if (task.what === "schema")
		Object.assign(options, { output: Output.object({ schema: Weather }), headers: { "x-weir-drop": "allow" } });
	let failed;
	const answer = task.stream ? streamText({ ...options, onError: ({ error }) => { failed = error; } }) : await generateText(options);
	if (task.stream)
		await answer.consumeStream({ onError: (error) => { failed ??= error; } });
	if (failed)
		throw failed;
	const steps = await answer.steps, last = steps.at(-1);
	ended(task, last.finishReason, "stop");
	const calls = steps.flatMap((one) => one.toolCalls).map((one) => [one.toolName, one.input]);
	const parsed = task.what === "schema" ? await answer.output : null;
	return told(last.text, calls, [last.usage.inputTokens, last.usage.outputTokens], parsed);
}

// --- all ---

const CLIENTS = {
	"npm openai chat": openaiChat, "npm openai responses": openaiResponses, "npm anthropic": anthropicMessages,
	"npm google": googleGenai, ...Object.fromEntries(Object.keys(PROVIDERS).map((name) => [name, aiText])),
};

async function count(task) {
	const { url, key, model } = task;
	if (task.client === "npm anthropic") {
		const client = new Anthropic({ baseURL: url, apiKey: key });
		return (await client.messages.countTokens({ model, messages: [{ role: "user", content: ASK }] })).input_tokens;
	}
	return (await new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } }).models.countTokens({ model, contents: ASK })).totalTokens;
}

async function run(task) {
	try {
		if (task.what === "count")
			return await count(task);
		return await CLIENTS[task.client](task);
	} catch (error) {
		const words = [error.message, error.responseBody, error.error && JSON.stringify(error.error)].filter(Boolean).join(" ");
		return { error: error.constructor.name, status: error.status ?? error.statusCode ?? 0, message: words, stack: error.stack };
	}
}

// The clients warn on the console; only answers go to the standard output.
console.log = console.info = console.debug = console.warn = console.error;
globalThis.AI_SDK_LOG_WARNINGS = false;
for await (const line of createInterface({ input: process.stdin }))
	process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + "\n");
