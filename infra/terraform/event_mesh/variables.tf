# What a deployment says: the parameters of template.yaml by the same names, in snake_case, and where packages are.

variable "name" {
  type        = string
  default     = "event-mesh"
  nullable    = false
  description = "What every resource's name begins with: as a stack's name. Roles are named by account, so two regions need two names."

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,39}$", var.name))
    error_message = "name begins with a letter, and has at most 40 letters, digits and -."
  }
}

variable "users_table_name" {
  type        = string
  default     = ""
  nullable    = false
  description = "The table's name, if it is not name-UsersTable: of a table that is imported."

  validation {
    condition     = can(regex("^([A-Za-z0-9_.-]{3,255})?$", var.users_table_name))
    error_message = "users_table_name has 3 to 255 letters, digits, _, . and -: a table's name, not its ARN."
  }
}

variable "packages" {
  type        = string
  nullable    = false
  description = "The folder that `mesh package` wrote, with manifest.json."

  validation {
    condition     = fileexists("${var.packages}/manifest.json")
    error_message = "packages is a folder with a manifest.json. Run `mesh package --output FOLDER`, and give that folder."
  }
}

variable "packages_bucket" {
  type        = string
  default     = ""
  nullable    = false
  description = "A bucket in this region for what Lambda takes from S3 alone: the vectors layer."

  validation {
    condition     = !var.packages_uploaded || var.packages_bucket != ""
    error_message = "packages_uploaded wants packages_bucket: where the zips are."
  }
}

variable "packages_prefix" {
  type        = string
  default     = ""
  nullable    = false
  description = "What the keys in packages_bucket begin with, such as event-mesh/."
}

variable "packages_uploaded" {
  type        = bool
  default     = false
  nullable    = false
  description = "Whether every zip is in packages_bucket already: then packages has to hold manifest.json alone."
}

variable "runtime" {
  type        = string
  default     = "python3.13"
  nullable    = false
  description = "On AWS use python3.12 or later (onnxruntime needs the glibc of Amazon Linux 2023)."

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13", "python3.14"], var.runtime)
    error_message = "runtime is one of: python3.11, python3.12, python3.13, python3.14."
  }
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  nullable    = false
  description = "The processor of functions and layers. They are built in SAM's container, or on a machine that has it."

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is one of: x86_64, arm64."
  }
}

variable "stage_name" {
  type        = string
  default     = "v1"
  nullable    = false
  description = "The API's stage, the first part of every URL."
}

variable "log_level" {
  type     = string
  default  = "INFO"
  nullable = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level is one of: DEBUG, INFO, WARN, ERROR."
  }
}

variable "log_retention_days" {
  type     = number
  default  = 30
  nullable = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_retention_days)
    error_message = "log_retention_days is one of: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365."
  }
}

variable "otlp_endpoint" {
  type        = string
  default     = ""
  nullable    = false
  description = "Where traces are sent, as OTLP over HTTP in JSON; such as an OpenTelemetry collector. Empty for no traces."

  validation {
    condition     = can(regex("^(https?://\\S+)?$", var.otlp_endpoint))
    error_message = "otlp_endpoint is a URL without /v1/traces at its end, such as http://collector.example:4318."
  }
}

variable "environment" {
  type        = string
  default     = "production"
  nullable    = false
  description = "What this deployment is for. production refuses auth_mode dev, and a jwt_jwks_url that is not https."

  validation {
    condition     = contains(["development", "staging", "production"], var.environment)
    error_message = "environment is one of: development, staging, production."
  }
}

variable "auth_mode" {
  type        = string
  default     = "jwt"
  nullable    = false
  description = "How a caller is known. jwt verifies signed tokens; dev trusts the unsigned token \"<tenant>:<user>\"."

  validation {
    condition     = contains(["jwt", "dev"], var.auth_mode)
    error_message = "auth_mode is one of: jwt, dev."
  }

  validation {
    condition     = var.environment != "production" || var.auth_mode != "dev"
    error_message = "auth_mode dev trusts tokens that nobody signed. Set auth_mode to jwt, or environment to development or staging."
  }
}

variable "jwt_jwks_url" {
  type        = string
  default     = ""
  nullable    = false
  description = "Where the issuer's public keys are, as a JSON Web Key Set. auth_mode jwt needs it."

  validation {
    condition     = var.auth_mode != "jwt" || var.jwt_jwks_url != ""
    error_message = "auth_mode jwt needs jwt_jwks_url: docs/tokens.md says what it is for each issuer."
  }
}

variable "jwt_issuer" {
  type        = string
  default     = ""
  nullable    = false
  description = "What a token's iss must be. auth_mode jwt needs it."

  validation {
    condition     = var.auth_mode != "jwt" || var.jwt_issuer != ""
    error_message = "auth_mode jwt needs jwt_issuer: docs/tokens.md says what it is for each issuer."
  }
}

variable "jwt_audience" {
  type        = string
  default     = ""
  nullable    = false
  description = "What a token's aud must be, or hold. auth_mode jwt needs it."

  validation {
    condition     = var.auth_mode != "jwt" || var.jwt_audience != ""
    error_message = "auth_mode jwt needs jwt_audience: docs/tokens.md says what it is for each issuer."
  }
}

variable "jwt_audience_claim" {
  type        = string
  default     = "aud"
  nullable    = false
  description = "client_id for Amazon Cognito's access tokens, which have no aud; jwt_audience is then the app client."

  validation {
    condition     = contains(["aud", "client_id"], var.jwt_audience_claim)
    error_message = "jwt_audience_claim is one of: aud, client_id."
  }
}

variable "jwt_algorithms" {
  type        = list(string)
  default     = ["RS256", "ES256"]
  nullable    = false
  description = "The signatures that are accepted, of RS, PS and ES with 256, 384 and 512, and EdDSA."
}

variable "jwt_tenant_claim" {
  type        = string
  default     = "tenant_id"
  nullable    = false
  description = "The claim that names the caller's tenant; organization.id is the claim id in the claim organization."
}

variable "jwt_subject_claim" {
  type        = string
  default     = "sub"
  nullable    = false
  description = "The claim that names the caller, in the same way."
}

variable "jwt_leeway_seconds" {
  type        = number
  default     = 10
  nullable    = false
  description = "How far the issuer's clock and ours may be apart."

  validation {
    condition     = var.jwt_leeway_seconds >= 0 && var.jwt_leeway_seconds <= 60
    error_message = "jwt_leeway_seconds is a number from 0 to 60."
  }
}

variable "cors_allowed_origins" {
  type        = list(string)
  default     = []
  nullable    = false
  description = "The origins whose pages may call the API, the main one first: what the gateway says by itself, the pages of that one alone can read. Empty for none. * is every one, and refused in production."

  validation {
    condition     = alltrue([for origin in var.cors_allowed_origins : can(regex("^[^/'\\s,*]+://[^/'\\s,*]+$", origin))]) || tolist(var.cors_allowed_origins) == tolist(["*"])
    error_message = "cors_allowed_origins are origins such as https://app.example, with no path and no / at the end; or * alone."
  }

  validation {
    condition     = var.environment != "production" || !contains(var.cors_allowed_origins, "*")
    error_message = "cors_allowed_origins * lets every page in. Name the origins, or set environment to development or staging."
  }
}

variable "allow_special_use_email_domains" {
  type        = bool
  default     = false
  nullable    = false
  description = "Whether users may have addresses of .local, .localhost, .arpa, .invalid and .onion, as in a network of your own."
}

variable "create_rate_per_second" {
  type        = number
  default     = 50
  nullable    = false
  description = "How many users a tenant may create a second, in the long run. 0 is no limit; so for the others."

  validation {
    condition     = var.create_rate_per_second >= 0
    error_message = "create_rate_per_second is 0 or more."
  }
}

variable "create_burst" {
  type        = number
  default     = 200
  nullable    = false
  description = "How many requests at once, after a pause; so for the others."

  validation {
    condition     = var.create_burst >= 1
    error_message = "create_burst is 1 or more."
  }
}

variable "import_rate_per_second" {
  type        = number
  default     = 250
  nullable    = false
  description = "How many entries of imports a tenant may send a second, in the long run."

  validation {
    condition     = var.import_rate_per_second >= 0
    error_message = "import_rate_per_second is 0 or more."
  }
}

variable "import_burst" {
  type        = number
  default     = 1000
  nullable    = false
  description = "How many entries at once; an import may have 100."

  validation {
    condition     = var.import_burst >= 100
    error_message = "import_burst is 100 or more."
  }
}

variable "get_rate_per_second" {
  type     = number
  default  = 100
  nullable = false

  validation {
    condition     = var.get_rate_per_second >= 0
    error_message = "get_rate_per_second is 0 or more."
  }
}

variable "get_burst" {
  type     = number
  default  = 400
  nullable = false

  validation {
    condition     = var.get_burst >= 1
    error_message = "get_burst is 1 or more."
  }
}

variable "update_rate_per_second" {
  type     = number
  default  = 50
  nullable = false

  validation {
    condition     = var.update_rate_per_second >= 0
    error_message = "update_rate_per_second is 0 or more."
  }
}

variable "update_burst" {
  type     = number
  default  = 200
  nullable = false

  validation {
    condition     = var.update_burst >= 1
    error_message = "update_burst is 1 or more."
  }
}

variable "delete_rate_per_second" {
  type     = number
  default  = 50
  nullable = false

  validation {
    condition     = var.delete_rate_per_second >= 0
    error_message = "delete_rate_per_second is 0 or more."
  }
}

variable "delete_burst" {
  type     = number
  default  = 200
  nullable = false

  validation {
    condition     = var.delete_burst >= 1
    error_message = "delete_burst is 1 or more."
  }
}

variable "list_rate_per_second" {
  type     = number
  default  = 100
  nullable = false

  validation {
    condition     = var.list_rate_per_second >= 0
    error_message = "list_rate_per_second is 0 or more."
  }
}

variable "list_burst" {
  type     = number
  default  = 400
  nullable = false

  validation {
    condition     = var.list_burst >= 1
    error_message = "list_burst is 1 or more."
  }
}

variable "search_rate_per_second" {
  type     = number
  default  = 100
  nullable = false

  validation {
    condition     = var.search_rate_per_second >= 0
    error_message = "search_rate_per_second is 0 or more."
  }
}

variable "search_burst" {
  type     = number
  default  = 400
  nullable = false

  validation {
    condition     = var.search_burst >= 1
    error_message = "search_burst is 1 or more."
  }
}

variable "rate_limit_overrides" {
  type        = map(map(object({ perSecond = number, burst = number })))
  default     = {}
  nullable    = false
  description = "Tenants with limits of their own, as JSON: {\"tenant-a\": {\"create_user\": {\"perSecond\": 5, \"burst\": 10}}}, by create_user, import_users, get_user, update_user, delete_user, list_users and search."
}

variable "kafka_bootstrap_servers" {
  type        = list(string)
  nullable    = false
  description = "The Kafka brokers, host:port each."

  validation {
    condition     = length(var.kafka_bootstrap_servers) > 0 && alltrue([for server in var.kafka_bootstrap_servers : can(regex("^[^\\s,]+:[0-9]+$", server))])
    error_message = "kafka_bootstrap_servers are the brokers, host:port each, at least one."
  }
}

variable "kafka_secret_arn" {
  type        = string
  default     = ""
  nullable    = false
  description = "ARN of the Secrets Manager secret {\"username\": \"…\", \"password\": \"…\"} for SASL/SCRAM-512 over TLS, of the functions and of the event source mapping. With neither this nor a client certificate, production is refused."

  validation {
    condition     = var.environment != "production" || var.kafka_secret_arn != "" || var.kafka_client_certificate_secret_arn != ""
    error_message = "environment production wants a way into Kafka. Set kafka_secret_arn or kafka_client_certificate_secret_arn."
  }

  validation {
    condition     = var.kafka_secret_arn == "" || var.kafka_client_certificate_secret_arn == ""
    error_message = "kafka_secret_arn and kafka_client_certificate_secret_arn exclude each other. Leave one out."
  }

  validation {
    condition     = can(regex("^(arn:[^:]+:secretsmanager:.+)?$", var.kafka_secret_arn))
    error_message = "kafka_secret_arn is the ARN of a secret in Secrets Manager, not its name or its value."
  }
}

variable "kafka_client_certificate_secret_arn" {
  type        = string
  default     = ""
  nullable    = false
  description = "ARN of the secret {\"certificate\": \"…\", \"privateKey\": \"…\", \"privateKeyPassword\": \"…\"}, in PEM, for mutual TLS instead of a password."

  validation {
    condition     = can(regex("^(arn:[^:]+:secretsmanager:.+)?$", var.kafka_client_certificate_secret_arn))
    error_message = "kafka_client_certificate_secret_arn is the ARN of a secret in Secrets Manager, not its name or its value."
  }
}

variable "kafka_root_ca_secret_arn" {
  type        = string
  default     = ""
  nullable    = false
  description = "ARN of the secret {\"certificate\": \"…\"} with the authority, in PEM, of the brokers' certificates. Empty for a public one."

  validation {
    condition     = can(regex("^(arn:[^:]+:secretsmanager:.+)?$", var.kafka_root_ca_secret_arn))
    error_message = "kafka_root_ca_secret_arn is the ARN of a secret in Secrets Manager, not its name or its value."
  }
}

variable "user_events_topic" {
  type     = string
  default  = "user.events"
  nullable = false
}

variable "user_events_partitions" {
  type        = number
  default     = 6
  nullable    = false
  description = "Partitions of the topic, which is also how many batches can be enriched at once."
}

variable "user_events_max_compaction_lag_ms" {
  type        = number
  default     = 86400000
  nullable    = false
  description = "How long the topic may keep a user's older event beside a newer one, and so a person after the erasure: a day."

  validation {
    condition     = var.user_events_max_compaction_lag_ms >= 1
    error_message = "user_events_max_compaction_lag_ms is 1 or more."
  }
}

variable "dead_letter_topic" {
  type     = string
  default  = "user.events.dlq"
  nullable = false
}

variable "dead_letter_retention_ms" {
  type        = number
  default     = 1209600000
  nullable    = false
  description = "How long dead letters are kept, which hold whole records, to be looked at and sent again. Two weeks."

  validation {
    condition     = var.dead_letter_retention_ms >= 1
    error_message = "dead_letter_retention_ms is 1 or more."
  }
}

variable "consumer_group_id" {
  type     = string
  default  = "event-mesh.enrich"
  nullable = false
}

variable "enrich_batch_size" {
  type        = number
  default     = 100
  nullable    = false
  description = "The most records of an invocation. 100 of the longest texts take 95 s of one processor, of the 240 s that enrich has: docs/reliability.md, What bounds a batch."

  validation {
    condition     = var.enrich_batch_size >= 1 && var.enrich_batch_size <= 100
    error_message = "enrich_batch_size is a number from 1 to 100."
  }
}

variable "enrich_batching_window_seconds" {
  type        = number
  default     = 0
  nullable    = false
  description = "How long to gather a batch. 0 invokes as soon as there is a record."

  validation {
    condition     = var.enrich_batching_window_seconds >= 0 && var.enrich_batching_window_seconds <= 300
    error_message = "enrich_batching_window_seconds is a number from 0 to 300."
  }
}

variable "qdrant_url" {
  type        = string
  nullable    = false
  description = "The Qdrant REST API, such as https://qdrant.example:6333."
}

variable "qdrant_secret_arn" {
  type        = string
  default     = ""
  nullable    = false
  description = "ARN of the Secrets Manager secret that holds Qdrant's API key as {\"apiKey\": \"…\"}. Empty for a Qdrant without one."

  validation {
    condition     = can(regex("^(arn:[^:]+:secretsmanager:.+)?$", var.qdrant_secret_arn))
    error_message = "qdrant_secret_arn is the ARN of a secret in Secrets Manager, not its name or its value."
  }
}

variable "qdrant_collection" {
  type     = string
  default  = "user_embeddings"
  nullable = false
}

variable "search_words_weight" {
  type        = number
  default     = 1.3
  nullable    = false
  description = "What having all words of a query counts, beside the cosine similarity. 0.2 for models of the E5 family, whose similarities all lie close together."

  validation {
    condition     = var.search_words_weight >= 0
    error_message = "search_words_weight is 0 or more."
  }
}

variable "embedding_provider" {
  type        = string
  default     = "local"
  nullable    = false
  description = "Who makes embeddings. local is the model of the vectors layer; openai is any server of OpenAI's POST /embeddings, at embedding_url, which is then given names and profiles."

  validation {
    condition     = contains(["local", "openai"], var.embedding_provider)
    error_message = "embedding_provider is one of: local, openai."
  }
}

variable "embedding_model" {
  type        = string
  default     = "sentence-transformers/all-MiniLM-L6-v2"
  nullable    = false
  description = "A model that fastembed knows, or the provider. Another one wants another qdrant_collection."
}

variable "embedding_model_path" {
  type        = string
  default     = "models/all-MiniLM-L6-v2"
  nullable    = false
  description = "The model's folder, from the root of the vectors layer."
}

variable "embedding_dimension" {
  type     = number
  default  = 384
  nullable = false
}

variable "embedding_url" {
  type        = string
  default     = ""
  nullable    = false
  description = "Where embedding_provider openai is. https, unless it is in your own network."

  validation {
    condition     = can(regex("^(https?://\\S+)?$", var.embedding_url))
    error_message = "embedding_url is a URL without /embeddings at its end, such as https://api.openai.com/v1."
  }

  validation {
    condition     = var.embedding_provider != "openai" || var.embedding_url != ""
    error_message = "embedding_provider openai needs embedding_url, such as https://api.openai.com/v1."
  }
}

variable "embedding_secret_arn" {
  type        = string
  default     = ""
  nullable    = false
  description = "ARN of the Secrets Manager secret that holds the provider's API key as {\"apiKey\": \"…\"}. Empty for one without keys."

  validation {
    condition     = can(regex("^(arn:[^:]+:secretsmanager:.+)?$", var.embedding_secret_arn))
    error_message = "embedding_secret_arn is the ARN of a secret in Secrets Manager, not its name or its value."
  }
}

variable "embedding_send_dimension" {
  type        = bool
  default     = false
  nullable    = false
  description = "Whether to ask the provider for embedding_dimension, of models that have several."
}

variable "embedding_batch_size" {
  type        = number
  default     = 32
  nullable    = false
  description = "How many texts a request to the provider has. A server that takes fewer is found out, at a cost."

  validation {
    condition     = var.embedding_batch_size >= 1 && var.embedding_batch_size <= 2048
    error_message = "embedding_batch_size is a number from 1 to 2048."
  }
}

variable "embedding_query_prefix" {
  type        = string
  default     = ""
  nullable    = false
  description = "What is put before a query, and a space: query: for the models of E5."
}

variable "embedding_passage_prefix" {
  type        = string
  default     = ""
  nullable    = false
  description = "What is put before what is found, and a space: passage: for the models of E5."
}

variable "embedding_query_input_type" {
  type        = string
  default     = ""
  nullable    = false
  description = "The input_type that the provider wants for a query, if it does."
}

variable "embedding_passage_input_type" {
  type     = string
  default  = ""
  nullable = false
}

variable "next_qdrant_collection" {
  type        = string
  default     = ""
  nullable    = false
  description = "A collection that is filled and kept up to date beside qdrant_collection, to take its place; with the next parameters, which are qdrant_collection's otherwise. Empty but for a change of model."

  validation {
    condition     = can(regex("^([A-Za-z0-9][A-Za-z0-9._-]{0,99})?$", var.next_qdrant_collection))
    error_message = "next_qdrant_collection is a name of letters, digits, . _ and -, of at most 100."
  }

  validation {
    condition     = var.next_qdrant_collection == "" || var.next_qdrant_collection != var.qdrant_collection
    error_message = "next_qdrant_collection is another one than qdrant_collection."
  }
}

variable "next_consumer_group_id" {
  type        = string
  default     = "event-mesh.enrich.next"
  nullable    = false
  description = "Who reads the topic for next_qdrant_collection. It becomes consumer_group_id when that becomes qdrant_collection."

  validation {
    condition     = var.next_qdrant_collection == "" || var.next_consumer_group_id != var.consumer_group_id
    error_message = "next_consumer_group_id is another one than consumer_group_id."
  }
}

variable "next_embedding_provider" {
  type        = string
  default     = "local"
  nullable    = false
  description = "Who makes embeddings. local is the model of the vectors layer; openai is any server of OpenAI's POST /embeddings, at embedding_url, which is then given names and profiles."

  validation {
    condition     = contains(["local", "openai"], var.next_embedding_provider)
    error_message = "next_embedding_provider is one of: local, openai."
  }
}

variable "next_embedding_model" {
  type        = string
  default     = "sentence-transformers/all-MiniLM-L6-v2"
  nullable    = false
  description = "A model that fastembed knows, or the provider. Another one wants another qdrant_collection."
}

variable "next_embedding_model_path" {
  type        = string
  default     = "models/all-MiniLM-L6-v2"
  nullable    = false
  description = "The model's folder, from the root of the vectors layer."
}

variable "next_embedding_dimension" {
  type     = number
  default  = 384
  nullable = false
}

variable "next_embedding_url" {
  type        = string
  default     = ""
  nullable    = false
  description = "Where embedding_provider openai is. https, unless it is in your own network."

  validation {
    condition     = can(regex("^(https?://\\S+)?$", var.next_embedding_url))
    error_message = "next_embedding_url is a URL without /embeddings at its end, such as https://api.openai.com/v1."
  }

  validation {
    condition     = var.next_embedding_provider != "openai" || var.next_embedding_url != ""
    error_message = "next_embedding_provider openai needs next_embedding_url, such as https://api.openai.com/v1."
  }
}

variable "next_embedding_secret_arn" {
  type        = string
  default     = ""
  nullable    = false
  description = "ARN of the Secrets Manager secret that holds the provider's API key as {\"apiKey\": \"…\"}. Empty for one without keys."

  validation {
    condition     = can(regex("^(arn:[^:]+:secretsmanager:.+)?$", var.next_embedding_secret_arn))
    error_message = "next_embedding_secret_arn is the ARN of a secret in Secrets Manager, not its name or its value."
  }
}

variable "next_embedding_send_dimension" {
  type        = bool
  default     = false
  nullable    = false
  description = "Whether to ask the provider for embedding_dimension, of models that have several."
}

variable "next_embedding_batch_size" {
  type        = number
  default     = 32
  nullable    = false
  description = "How many texts a request to the provider has. A server that takes fewer is found out, at a cost."

  validation {
    condition     = var.next_embedding_batch_size >= 1 && var.next_embedding_batch_size <= 2048
    error_message = "next_embedding_batch_size is a number from 1 to 2048."
  }
}

variable "next_embedding_query_prefix" {
  type        = string
  default     = ""
  nullable    = false
  description = "What is put before a query, and a space: query: for the models of E5."
}

variable "next_embedding_passage_prefix" {
  type        = string
  default     = ""
  nullable    = false
  description = "What is put before what is found, and a space: passage: for the models of E5."
}

variable "next_embedding_query_input_type" {
  type        = string
  default     = ""
  nullable    = false
  description = "The input_type that the provider wants for a query, if it does."
}

variable "next_embedding_passage_input_type" {
  type     = string
  default  = ""
  nullable = false
}

variable "topic_labels" {
  type        = list(string)
  default     = ["software", "engineering", "science", "health care", "education", "finance", "law", "arts and music", "food and hospitality", "agriculture", "transport", "media", "sports", "public service", "construction"]
  nullable    = false
  description = "The labels, of which each user gets the one that is nearest to the profile. Empty for no topics."
}

variable "topic_label_overrides" {
  type        = map(list(string))
  default     = {}
  nullable    = false
  description = "Tenants with labels of their own, as JSON: {\"tenant-a\": [\"sales\", \"support\"]}."
}

variable "topic_min_score" {
  type        = number
  default     = 0.2
  nullable    = false
  description = "The cosine similarity from which on a label is near enough. What fits depends on the model."

  validation {
    condition     = var.topic_min_score >= -1 && var.topic_min_score <= 1
    error_message = "topic_min_score is a number from -1 to 1."
  }
}

variable "vpc_subnet_ids" {
  type        = list(string)
  default     = []
  nullable    = false
  description = "Subnets, from which Kafka, Qdrant, DynamoDB, STS and Secrets Manager (by endpoints or NAT) can be reached; the event source mapping uses the first. Empty for no VPC: then AWS wants Kafka to have a password or certificates."
}

variable "vpc_security_group_id" {
  type        = string
  default     = "sg-00000000"
  nullable    = false
  description = "The security group for vpc_subnet_ids; of no effect without them."
}

variable "search_concurrency" {
  type        = number
  default     = 0
  nullable    = false
  description = "Reserved concurrency of the search function. 0 reserves nothing."
}

variable "enrich_concurrency" {
  type        = number
  default     = 0
  nullable    = false
  description = "Reserved concurrency of the enrich function. 0 reserves nothing; more than user_events_partitions is never used."
}

variable "alarm_topic_arn" {
  type        = string
  default     = ""
  nullable    = false
  description = "ARN of the SNS topic that alarms are sent to. Empty to have alarms that tell nobody."

  validation {
    condition     = can(regex("^(arn:[^:]+:sns:.+)?$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn is the ARN of an SNS topic, not its name or its value."
  }
}
