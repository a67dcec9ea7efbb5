<#
.SYNOPSIS
A gate for a model: Pester tests that fail when the model is not good enough to be used.

.DESCRIPTION
Measures the model once, and requires an accuracy over all images, a minimum recall of each class that the images show,
and the same answers after saving. Run it with Pester 5.7 or newer, as Start-NightlyTraining.ps1 -Pester does.

.PARAMETER Path
The model.

.PARAMETER Dataset
What to measure on: a data set, whose test images are used, or one of its splits. CIFAR-10 by default.

.PARAMETER Threshold
The accuracy that the model must beat, 0 to 1.

.PARAMETER ClassThreshold
The share of each class that must be recognised, 0 to 1; by default 0.15 below -Threshold.

.EXAMPLE
$container = New-PesterContainer -Path ./ModelQuality.Tests.ps1 -Data @{ Path = 'result/model.safetensors'; Threshold = 0.91 }
Invoke-Pester -Container $container -Output Detailed
#>
param(
    [string] $Path = 'model.safetensors',
    [object] $Dataset,
    [double] $Threshold = 0.91,
    [double] $ClassThreshold = $Threshold - 0.15
)

Describe 'nightly model' {
    BeforeAll {
        Import-Module Cifar10Ps
        if (!$Dataset) { $Dataset = Get-Cifar10 }
        $model = Import-Model -LiteralPath $Path -ErrorAction Stop
        $evaluation = Measure-Model -Model $model -Dataset $Dataset
    }

    It "beats $([Math]::Round(100 * $Threshold, 1)) %" {
        $evaluation.Accuracy | Should -BeGreaterThan $Threshold
    }

    It "recognises $([Math]::Round(100 * $ClassThreshold, 1)) % of each class" {
        $weak = $evaluation.Classes | Where-Object Count | Where-Object Recall -LT $ClassThreshold |
            ForEach-Object { '{0} {1:P1}' -f $_.Class, $_.Recall }
        $weak | Should -BeNullOrEmpty
    }

    It 'guesses the same after saving' {
        $model | Save-Model "$TestDrive/again.safetensors"
        $again = Measure-Model -Model (Import-Model "$TestDrive/again.safetensors") -Dataset $Dataset
        $again.Loss | Should -Be $evaluation.Loss
    }
}
