// A member of a group: kafkajs, as its documentation has it. It says what it has and what it gets, a line each.
const { Kafka, logLevel } = require(process.argv[2] + "/node_modules/kafkajs");
const [bootstrap, topic, group] = process.argv.slice(3);
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

const consumer = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR }).consumer({
  groupId: group, sessionTimeout: 6000, heartbeatInterval: 500, rebalanceTimeout: 10000,
});
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => say({ has: payload.memberAssignment[topic] || [] }));
process.on("SIGTERM", () => consumer.disconnect().then(() => process.exit(0)));

(async () => {
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => say({ got: [partition, Number(message.offset)] }),
  });
})();
