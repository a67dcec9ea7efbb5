# Dot-sourced by every suite: the module, and the parts of a short run.
$modulePath = $env:CIFAR10PS_MODULE ?? (Resolve-Path "$PSScriptRoot/../../artifacts/module/Cifar10Ps").ProviderPath
Import-Module $modulePath -ErrorAction Stop

$data = Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 32
$model = New-ResNet20 -Seed 1
$quick = @{ Epochs = 2; BatchSize = 32 }

# The stable part of the id of the one terminating error that ends a script.
function Get-ErrorId([scriptblock] $Script) {
    try { $null = & $Script } catch { return $_.FullyQualifiedErrorId.Split(',')[0] }
    'no error'
}

# What a script prints in a process of its own with only the module loaded.
function Invoke-Pwsh([string] $Script) {
    pwsh -NoProfile -NonInteractive -Command "`$ErrorActionPreference = 'Stop'; Import-Module '$modulePath'; $Script"
}

function Get-Bytes([string] $Path) {
    $content = [IO.File]::ReadAllBytes((Resolve-Path -LiteralPath $Path).ProviderPath)
    [Convert]::ToHexString([Security.Cryptography.SHA256]::HashData($content))
}
