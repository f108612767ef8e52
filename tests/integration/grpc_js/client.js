// A client of authd in Node, generated from proto/ as it runs: client.js TEST, and what it needs in
// the environment. Each test is a function below; an exception is its failure.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const { PROTO, AUTHD, CA, KEY, CERT, FOREIGN_KEY, FOREIGN_CERT, HOST_KEY, HOST_CERT, HOST_ID } = process.env;
const CODE = grpc.status;

// --- the service ---------------------------------------------------------------------------------

const described = loader.loadSync("auth.proto", {
	includeDirs: [PROTO, "/usr/include"], keepCase: true, longs: String, enums: String, defaults: false,
});
const { Auth } = grpc.loadPackageDefinition(described).postern.v1;
const opened = [];

// authd's calls over TLS, as whoever holds the key; without one as nobody.
function connect(key, cert, ca = CA) {
	const files = [ca, key, cert].map((name) => (name ? fs.readFileSync(name) : null));
	const client = new Auth(AUTHD, grpc.credentials.createSsl(...files), {
		"grpc.ssl_target_name_override": "localhost",
		"grpc.use_local_subchannel_pool": 1,
		"grpc.enable_retries": 0,
	});
	opened.push(client);
	return client;
}

function ask(client, method, request, seconds = 60) {
	return new Promise((resolve, reject) => {
		client[method](request, { deadline: Date.now() + seconds * 1000 },
			(err, answer) => (err ? reject(err) : resolve(answer)));
	});
}

// The call must fail with this status, and say so.
async function refused(code, words, client, method, request) {
	const fails = (err) => {
		assert.equal(CODE[err.code], CODE[code], err.message)
		assert.match(err.details, words);
		return true;
	};
	await assert.rejects(ask(client, method, request), fails);
}

function role(name, more = {}) {
	return { role: { kind: "role", version: "v7", metadata: { name, ...more }, spec: { allow: {
		logins: ["root", "{{internal.logins}}"],
		node_labels: { env: { values: ["prod", "qa-*"] } },
	}, options: { max_session_ttl: "28800000" } } } };
}

const me = () => connect(KEY, CERT);

// --- tests ---------------------------------------------------------------------------------------

const tests = {
	async anybody_may_ask_who_is_there() {
		const answer = await ask(connect(), "Ping", {});
		assert.equal(answer.cluster_name, "example");
		assert.match(answer.ca_pins[0], /^sha256:[0-9a-f]{64}$/);
	},

	async roles_are_read_page_by_page() {
		const names = [];
		let page_start = "";
		do {
			const answer = await ask(me(), "ListResources", { kind: "role", page_size: 2, page_start });
			assert.ok(answer.resources.length <= 2);
			names.push(...answer.resources.map((r) => r.role.metadata.name));
			page_start = answer.next_page;
		} while (page_start);
		for (const name of ["access", "auditor", "dev", "editor"])
			assert.ok(names.includes(name), `${name} in ${names}`);
		const { role: editor } = await ask(me(), "GetResource", { kind: "role", name: "editor" });
		assert.ok(editor.spec.allow.rules.some((rule) => rule.verbs.includes("update")));
		await refused(CODE.NOT_FOUND, /no such role 'none'/, me(), "GetResource", { kind: "role", name: "none" });
	},

	async what_is_put_comes_back_whole() {
		const given = role("from-node", { labels: { team: "web" }, description: "caf\u00e9" });
		const { role: put } = await ask(me(), "PutResource", { resource: given });
		const { role: got } = await ask(me(), "GetResource", { kind: "role", name: "from-node" });
		assert.deepEqual(got, put);
		assert.deepEqual(got.spec.allow.node_labels, given.role.spec.allow.node_labels);
		assert.equal(got.spec.options.max_session_ttl, "28800000");
		assert.deepEqual(got.metadata.labels, { team: "web" });
		assert.equal(got.metadata.description, "caf\u00e9");
		assert.match(got.metadata.revision, /^[1-9][0-9]*$/);
		await refused(CODE.ALREADY_EXISTS, /already exists/, me(), "PutResource", { resource: given });
		got.metadata.revision = "1"; // as if somebody else had been faster
		const late = { resource: { role: got }, replace: true };
		await refused(CODE.FAILED_PRECONDITION, /has changed/, me(), "PutResource", late);
		await refused(CODE.INVALID_ARGUMENT, /'\*' is not a login/, me(), "PutResource", { resource: {
			role: { metadata: { name: "bad" }, spec: { allow: { logins: ["*"] } } } } });
	},

	async a_watch_tells_what_is_there_and_then_what_happens() {
		const seen = [];
		const call = me().Watch({ kinds: [{ kind: "role" }] }, { deadline: Date.now() + 60000 });
		await new Promise((resolve, reject) => {
			call.on("error", (err) => (err.code === CODE.CANCELLED ? resolve() : reject(err)));
			call.on("data", (event) => {
				const name = event.resource?.role?.metadata.name ?? event.name;
				seen.push(`${event.type ?? "INIT"} ${name ?? ""}`.trim());
				if (event.type === "SYNCED")
					ask(me(), "PutResource", { resource: role("watched") })
						.then(() => ask(me(), "DeleteResource", { kind: "role", name: "watched" }))
						.catch(reject);
				if (event.type === "DELETE")
					call.cancel();
			});
		});
		assert.equal(seen[0], "INIT");
		assert.ok(seen.indexOf("PUT dev") < seen.indexOf("SYNCED"), `${seen}`);
		assert.deepEqual(seen.slice(-2), ["PUT watched", "DELETE watched"]);
		assert.ok(seen.indexOf("PUT watched") > seen.indexOf("SYNCED"), `${seen}`);
	},

	async a_deadline_ends_a_watch() {
		const call = me().Watch({ kinds: [{ kind: "role" }] }, { deadline: Date.now() + 500 });
		const err = await new Promise((resolve) => call.on("data", () => {}).on("error", resolve));
		assert.equal(err.code, CODE.DEADLINE_EXCEEDED);
	},

	async a_host_keeps_its_record_alive_on_a_stream_of_both_ways() {
		const call = connect(HOST_KEY, HOST_CERT).KeepAlive({ deadline: Date.now() + 60000 });
		const answers = [];
		await new Promise((resolve, reject) => {
			call.on("error", reject).on("end", resolve).on("data", (answer) => {
				answers.push(answer.known);
				if (answers.length < 3)
					call.write({ name: HOST_ID });
				else
					call.end();
			});
			call.write({ name: HOST_ID });
		});
		assert.deepEqual(answers, [true, true, true]);
	},

	async whoever_shows_no_certificate_is_nobody() {
		await refused(CODE.UNAUTHENTICATED, /certificate/, connect(), "ListResources", { kind: "role" });
	},

	async a_certificate_of_another_authority_ends_the_connection() {
		await refused(CODE.UNAVAILABLE, /./, connect(FOREIGN_KEY, FOREIGN_CERT), "Ping", {});
		await refused(CODE.UNAVAILABLE, /certificate/, connect(KEY, CERT, FOREIGN_CERT), "Ping", {});
	},

	async who_may_read_and_no_more_is_refused_the_rest() {
		const put = { resource: role("mine") };
		await ask(me(), "ListResources", { kind: "node" });
		await refused(CODE.PERMISSION_DENIED, /'create' on 'role'/, me(), "PutResource", put);
		await refused(CODE.PERMISSION_DENIED, /'read' on 'token'/, me(), "ListResources", { kind: "token" });
		await refused(CODE.PERMISSION_DENIED, /'read' on 'cert_authority'/, me(), "GetResource",
			{ kind: "cert_authority", sub_kind: "user", name: "example", with_secrets: true });
		const call = me().Watch({ kinds: [{ kind: "node" }, { kind: "token" }] }, { deadline: Date.now() + 60000 });
		const init = await new Promise((resolve, reject) => call.on("error", reject).once("data", resolve));
		call.cancel();
		assert.deepEqual(init.kinds, ["node"]);
		assert.deepEqual(init.left_out.map((left) => left.kind), ["token"]);
	},
};

tests[process.argv[2]]().finally(() => opened.forEach((client) => client.close()));
