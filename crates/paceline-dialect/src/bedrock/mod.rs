//! AWS Bedrock.
