// SPDX-License-Identifier: Apache-2.0
// A package with an assembly file may declare functions whose bodies are elsewhere.
