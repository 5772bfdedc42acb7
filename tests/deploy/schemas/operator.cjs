// Reads objects of Prometheus Operator as JSON, and says of each what is wrong with it, or nothing.
const models = require("@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1");

const said = JSON.parse(require("fs").readFileSync(0, "utf8")).map((object) => {
  try {
    new models[object.kind](object).validate();
    return null;
  } catch (error) {
    return String(error.message);
  }
});
process.stdout.write(JSON.stringify(said));
